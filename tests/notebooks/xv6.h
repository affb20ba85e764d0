/*
 * What the code of the third notebook takes from the rest of xv6, for
 * this computer.  Its "RAM" is an array, mapped, as in xv6, at its own
 * address.
 */
#include <string.h>

typedef unsigned int uint;
typedef unsigned long uint64;
typedef uint64 pte_t, pde_t, *pagetable_t;

#define PGSIZE 4096
#define PGROUNDUP(sz) (((sz) + PGSIZE - 1) & ~(uint64)(PGSIZE - 1))
#define PGROUNDDOWN(a) ((a) & ~(uint64)(PGSIZE - 1))
#define MAXVA (1UL << 38)

#define PTE_V 1
#define PTE_R 2
#define PTE_W 4
#define PTE_X 8
#define PTE_U 16
#define PA2PTE(pa) (((uint64)(pa) >> 12) << 10)
#define PTE2PA(pte) (((pte) >> 10) << 12)
#define PTE_FLAGS(pte) ((pte) & 0x3ff)
#define MAKE_SATP(pagetable) (8UL << 60 | (uint64)(pagetable) >> 12)

#define NPROC 64
#define UART0 0x10000000UL
#define RAM_SIZE (256 * PGSIZE)
#define PHYSTOP ((uint64)end + RAM_SIZE)
#define end notebook_end        /* the library has an `end` too */

struct spinlock {
	int locked;
};

struct proc {
	struct spinlock lock;
	uint64 sz, kstack;
	pagetable_t pagetable;
};

extern struct proc proc[NPROC];
extern struct spinlock pid_lock;
extern struct { int ncopyin; } stats;
extern pagetable_t kernel_pagetable;

struct proc *myproc(void);
void initlock(struct spinlock *lock, const char *name);
void acquire(struct spinlock *lock);
void release(struct spinlock *lock);
_Noreturn void panic(const char *message);
void w_satp(uint64 satp);
void sfence_vma(void);
uint64 walkaddr(pagetable_t pagetable, uint64 va);
void uvmunmap(pagetable_t pagetable, uint64 va, uint64 npages, int do_free);

void *kalloc();
void kfree(void *pa);
pte_t *walk(pagetable_t pagetable, uint64 va, int alloc);
int mappages(pagetable_t pagetable, uint64 va, uint64 size, uint64 pa,
	     int perm);
uint64 uvmalloc(pagetable_t pagetable, uint64 oldsz, uint64 newsz);
uint64 uvmdealloc(pagetable_t pagetable, uint64 oldsz, uint64 newsz);
int copyin_new(pagetable_t pagetable, char *dst, uint64 srcva, uint64 len);
