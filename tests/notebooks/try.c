/*
 * The code of the third notebook, run: does it do what the appendix says
 * of it?  This text follows the notebook's, whose slips of the pen, and
 * no others, have been put right; see test_notebooks.py.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

/* ---- The rest of xv6 ------------------------------------------------- */

char end[RAM_SIZE] __attribute__((aligned(PGSIZE)));
struct proc proc[NPROC];
struct spinlock pid_lock;
typeof(stats) stats;
pagetable_t kernel_pagetable;

static jmp_buf after_panic;
static const char *message;
static uint64 satp;

struct proc *myproc(void)
{
	return proc;
}

void initlock(struct spinlock *lock, const char *name)
{
	(void)name;
	lock->locked = 0;
}

void acquire(struct spinlock *lock)
{
	lock->locked++;
}

void release(struct spinlock *lock)
{
	lock->locked--;
}

void panic(const char *text)
{
	message = text;
	longjmp(after_panic, 1);
}

void w_satp(uint64 value)
{
	satp = value;
}

void sfence_vma(void)
{
}

uint64 walkaddr(pagetable_t pagetable, uint64 va)
{
	pte_t *pte = va < MAXVA ? walk(pagetable, va, 0) : 0;

	return pte && (*pte & PTE_V) && (*pte & PTE_U) ? PTE2PA(*pte) : 0;
}

void uvmunmap(pagetable_t pagetable, uint64 va, uint64 npages, int do_free)
{
	for (; npages > 0; npages--, va += PGSIZE) {
		pte_t *pte = walk(pagetable, va, 0);

		if (do_free)
			kfree((void *)PTE2PA(*pte));
		*pte = 0;
	}
}

/* ---- What the tests share --------------------------------------------- */

#define expect(condition) \
	((condition) ? (void)0 \
	 : (printf("line %d: %s\n", __LINE__, #condition), exit(1)))

/* Does STATEMENT panic? */
#define panics(statement) \
	(message = 0, setjmp(after_panic) == 0 && ((void)(statement), 1), \
	 message != 0)

enum { RWU = PTE_R | PTE_W | PTE_U };

static pagetable_t user, mirror;

/* How many frames are free? */
static int free_frames(void)
{
	int count = 0;

	for (struct run *run = kmem.freelist; run; run = run->next)
		count++;
	return count;
}

/* Take frames until LEFT are free. */
static void use_up(int left)
{
	while (free_frames() > left)
		kalloc();
}

static pagetable_t new_table(void)
{
	return memset(kalloc(), 0, PGSIZE);
}

static pte_t entry(pagetable_t table, uint64 va)
{
	pte_t *pte = walk(table, va, 0);

	return pte ? *pte : 0;
}

/* ---- The tests --------------------------------------------------------- */

/* kfree fills with ones, kalloc with fives: bytes, and not bits. */
static void fills(void)
{
	unsigned char *frame = kalloc();

	expect(frame[0] == 5 && frame[4095] == 5);
	kfree(frame);
	expect(frame[8] == 1 && frame[4095] == 1);
	expect((unsigned char *)kmem.freelist == frame);
}

/* A frame that is freed twice is given away twice. */
static void freed_twice(void)
{
	void *a = kalloc(), *b = kalloc();

	kfree(a);
	kfree(b);
	kfree(a);
	expect(kalloc() == a && kalloc() == b && kalloc() == a);
}

/* What is no frame is noticed. */
static void no_frame(void)
{
	char *frame = kalloc();

	expect(panics(kfree(frame + 8)));
	expect(panics(kfree(end - PGSIZE)));
	expect(panics(kfree((void *)PHYSTOP)));
}

/* Only what is wholly inside the range is freed, and it is not cleared. */
static void ends_of_a_range(void)
{
	char *at = end + RAM_SIZE - 8 * PGSIZE;

	kmem.freelist = 0;
	freerange(at + 1, at + 4 * PGSIZE - 1);
	expect(free_frames() == 2);
	expect((char *)kmem.freelist == at + 2 * PGSIZE);
	expect(at[2 * PGSIZE + 100] == 1);
	freerange(at, at + PGSIZE);
	expect(free_frames() == 3);
}

/* The walk returns the place of the entry; nothing need be there. */
static void place_of_the_entry(void)
{
	pte_t *pte = walk(user, 0x10000000, 1);

	expect((char *)pte >= end && (uint64)pte < PHYSTOP && *pte == 0);
	expect(mappages(user, 0x10000000, PGSIZE, 0x5000, RWU) == 0);
	expect(PTE2PA(*pte) == 0x5000);
	expect(walk(user, 0x10000000, 0) == pte);
	expect(panics(walk(user, MAXVA, 0)));
}

/* PX comes out of the virtual address alone. */
static void index_of_uart0(void)
{
	expect(PX(2, UART0) == 0 && PX(1, UART0) == 128);
	expect(PX(0, UART0) == 0);
	expect(mappages(user, UART0, PGSIZE, 0x7000, RWU) == 0);
	expect((entry(user, UART0) >> 10) == 7);
}

/* mappages that fails leaves behind what it has mapped. */
static void mapped_in_vain(void)
{
	uint64 last = (1 << 21) - PGSIZE;       /* of a table */

	use_up(2);
	expect(mappages(user, last, 2 * PGSIZE, 0x8000, RWU) == -1);
	expect(entry(user, last) & PTE_V);
	expect(free_frames() == 0);
	expect(panics(mappages(user, last, PGSIZE, 0x8000, RWU)));
}

/* A size of 0 maps on and on, until there is no memory. */
static void nothing_to_map(void)
{
	use_up(3);
	expect(mappages(user, 0x2000, 0, 0x8000, RWU) == -1);
	expect(entry(user, 0x2000) & entry(user, 0x3000) & PTE_V);
}

/* satp gets a mode and a page number. */
static void mode_and_number(void)
{
	kernel_pagetable = user;
	kvminithart();
	expect(satp >> 60 == 8 && satp != (uint64)user);
	expect((satp & 0xfffffffffff) == (uint64)user / PGSIZE);
}

/* To shrink by more than there is succeeds, and does nothing. */
static void shrunk_too_far(void)
{
	uint64 sz = uvmalloc(user, 0, 3 * PGSIZE);
	int free = free_frames();

	proc->sz = sz;
	expect(growproc(-100000000) == 0);
	expect(proc->sz == sz && free_frames() == free);
}

/* The size of a process of 5 GiB is cut short. */
static void cut_short(void)
{
	proc->sz = 5UL << 30;
	expect(growproc(0) == 0);
	expect(proc->sz == 1UL << 30);
}

static void executable_heap(void)
{
	expect(uvmalloc(user, 0, PGSIZE) == PGSIZE);
	expect(entry(user, 0) & PTE_X && entry(user, 0) & PTE_W);
}

/* The rollback spares the page of the old size, and forgets the tables. */
static void rollback(void)
{
	int free;

	expect(uvmalloc(user, 0, 100) == 100);
	free = free_frames();
	expect(uvmalloc(user, 100, 200 * PGSIZE * 512UL) == 0);
	expect(entry(user, 0) & PTE_V && !(entry(user, PGSIZE) & PTE_V));
	expect(free_frames() == free);
	expect(uvmalloc(user, (1 << 21) + 100, 200 * PGSIZE * 512UL) == 0);
	expect(free_frames() == free - 1);
}

/* Two of the three conditions let a length through that wraps around. */
static void third_condition(void)
{
	uint64 srcva = 0x10000, len = -srcva;
	char dst[8];

	proc->sz = 0x13000;
	expect(!(srcva >= proc->sz || srcva + len > proc->sz));
	expect(srcva + len < srcva);
	expect(copyin_new(user, dst, srcva, len) == -1);
	expect(stats.ncopyin == 0);
}

static jmp_buf after_fault;
static uint64 fault_address;

static void at_fault(int number, siginfo_t *info, void *unused)
{
	(void)number;
	(void)unused;
	fault_address = (uint64)info->si_addr;
	longjmp(after_fault, 1);
}

/* The offset in the page is taken for an address: page 0 is read. */
static void read_from_page_0(void)
{
	struct sigaction action = { .sa_sigaction = at_fault,
				    .sa_flags = SA_SIGINFO };
	char *at = mmap((void *)0x10000, PGSIZE, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	char dst[8];

	expect(at != MAP_FAILED);
	at[77] = 'x';
	proc->sz = 0x11000;
	expect(copyin_new(user, dst, 0x10000 + 77, 1) == 0);
	expect(dst[0] == 'x' && stats.ncopyin == 1);
	sigaction(SIGSEGV, &action, 0);
	if (setjmp(after_fault) == 0)
		expect(copyin_2(user, dst, 0x10000 + 77, 1) == 0 && 0);
	expect(fault_address == 77);
}

/* The copy that walks asks whether the page is the program's. */
static void copy_by_walking(void)
{
	char dst[2 * PGSIZE];

	expect(uvmalloc(user, 0, 2 * PGSIZE) == 2 * PGSIZE);
	*(char *)(walkaddr(user, 0) + 4095) = 'a';
	*(char *)walkaddr(user, PGSIZE) = 'b';
	expect(copyin(user, dst, 4095, 2) == 0);
	expect(dst[0] == 'a' && dst[1] == 'b');
	expect(copyin(user, dst, PGSIZE, 2 * PGSIZE) == -1);
	expect(copyin(user, dst, MAXVA, 1) == -1);
	expect(copyin(user, dst, -1UL, 1) == -1);
}

/* The mirror: the same frames and permissions, but for U. */
static void mirrored(void)
{
	expect(mappages(user, 0, PGSIZE, 0x5000, PTE_R | PTE_X | PTE_U)
	       == 0);
	expect(mappages(user, PGSIZE, PGSIZE, 0x6000, RWU) == 0);
	map_user_kernel(user, mirror, 0, 2 * PGSIZE);
	expect(entry(mirror, 0) == (PA2PTE(0x5000) | PTE_R | PTE_X | PTE_V));
	expect(entry(mirror, PGSIZE) ==
	       (PA2PTE(0x6000) | PTE_R | PTE_W | PTE_V));
}

/* A heap that shrinks stays in the mirror, with a frame that is free. */
static void mirror_of_what_is_gone(void)
{
	pte_t before;

	expect(uvmalloc(user, 0, 3 * PGSIZE) == 3 * PGSIZE);
	map_user_kernel(user, mirror, 0, 3 * PGSIZE);
	before = entry(mirror, 2 * PGSIZE);
	expect(uvmdealloc(user, 3 * PGSIZE, PGSIZE) == PGSIZE);
	map_user_kernel(user, mirror, 3 * PGSIZE, PGSIZE);
	expect(entry(user, 2 * PGSIZE) == 0);
	expect(entry(mirror, 2 * PGSIZE) == before && before & PTE_V);
	expect((uint64)kmem.freelist == PTE2PA(before));
}

/* Without memory for a table it panics, in words that are not true. */
static void no_memory_for_the_mirror(void)
{
	expect(uvmalloc(user, 0, PGSIZE) == PGSIZE);
	use_up(1);
	expect(panics(map_user_kernel(user, mirror, 0, PGSIZE)));
	expect(strstr(message, "dist pte does not exist"));
}

static const struct {
	const char *name;
	void (*run)(void);
} tests[] = {
	{ "fills", fills },
	{ "freed_twice", freed_twice },
	{ "no_frame", no_frame },
	{ "ends_of_a_range", ends_of_a_range },
	{ "place_of_the_entry", place_of_the_entry },
	{ "index_of_uart0", index_of_uart0 },
	{ "mapped_in_vain", mapped_in_vain },
	{ "nothing_to_map", nothing_to_map },
	{ "mode_and_number", mode_and_number },
	{ "shrunk_too_far", shrunk_too_far },
	{ "cut_short", cut_short },
	{ "executable_heap", executable_heap },
	{ "rollback", rollback },
	{ "third_condition", third_condition },
	{ "read_from_page_0", read_from_page_0 },
	{ "copy_by_walking", copy_by_walking },
	{ "mirrored", mirrored },
	{ "mirror_of_what_is_gone", mirror_of_what_is_gone },
	{ "no_memory_for_the_mirror", no_memory_for_the_mirror },
};

/* Runs the test named by the argument. */
int main(int argc, char **argv)
{
	kinit();
	user = new_table();
	mirror = new_table();
	for (unsigned i = 0; i < sizeof tests / sizeof *tests; i++) {
		if (argc < 2 || strcmp(argv[1], tests[i].name) != 0)
			continue;
		tests[i].run();
		expect(kmem.lock.locked == 0);
		return 0;
	}
	return 2;
}
