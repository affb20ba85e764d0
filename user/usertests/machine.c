/* Tests of what a program may do with the processor itself. */

#define ACT(name, instructions)                                        \
	static void name(uintptr_t unused)                             \
	{                                                              \
		(void)unused;                                          \
		asm volatile(instructions);                            \
	}

/* One thing to do, and its name. */
struct act {
	const char *name;
	void (*run)(uintptr_t);
};

/* Each of these has to kill. */
static void all_kill(const struct act *act, int count)
{
	for (int i = 0; i < count; i++)
		check(dies(act[i].run, 0), "%s does not kill",
		      act[i].name);
}

#ifdef __riscv

static long raw_call(long number, long a, long b, long c)
{
	register long a0 asm("a0") = a;
	register long a1 asm("a1") = b;
	register long a2 asm("a2") = c;
	register long a7 asm("a7") = number;

	asm volatile("ecall"
		     : "+r"(a0)
		     : "r"(a1), "r"(a2), "r"(a7)
		     : "memory");
	return a0;
}

ACT(move_to_float, ".4byte 0xf0000053")         /* fmv.w.x ft0, zero */
ACT(load_float, ".4byte 0x00013007")            /* fld ft0, 0(sp) */
ACT(read_fcsr, ".4byte 0x00302573")             /* csrr a0, fcsr */

static const struct act floats[] = {
	{ "fmv.w.x", move_to_float },
	{ "fld", load_float },
	{ "csrr fcsr", read_fcsr },
};

ACT(all_zero, ".4byte 0")
ACT(all_one, ".4byte 0xffffffff")
ACT(breakpoint, "ebreak")
ACT(vector, ".4byte 0x0c007057")                /* vsetvli */

static const struct act illegal[] = {
	{ "a zero word", all_zero },
	{ "a word of ones", all_one },
	{ "ebreak", breakpoint },
	{ "vsetvli", vector },
};

ACT(read_sstatus, "csrr t0, sstatus")
ACT(write_satp, "csrw satp, zero")
ACT(write_stvec, "csrw stvec, zero")
ACT(write_sie, "csrw sie, zero")
ACT(read_mhartid, "csrr t0, mhartid")
ACT(write_cycle, "csrw cycle, zero")
ACT(supervisor_return, "sret")
ACT(machine_return, "mret")
ACT(flush_tlb, "sfence.vma")

static const struct act privileged[] = {
	{ "csrr sstatus", read_sstatus },
	{ "csrw satp", write_satp },
	{ "csrw stvec", write_stvec },
	{ "csrw sie", write_sie },
	{ "csrr mhartid", read_mhartid },
	{ "csrw cycle", write_cycle },
	{ "sret", supervisor_return },
	{ "mret", machine_return },
	{ "sfence.vma", flush_tlb },
};

/* The result of call NUMBER made with sp, gp and tp at VALUE. */
static long lost_call(long number, uintptr_t value)
{
	register long a0 asm("a0") = 0;
	register long a7 asm("a7") = number;

	asm volatile("mv s2, sp; mv s3, gp; mv s4, tp;"
		     "mv sp, %2; mv gp, %2; mv tp, %2; ecall;"
		     "mv sp, s2; mv gp, s3; mv tp, s4"
		     : "+r"(a0)
		     : "r"(a7), "r"(value)
		     : "s2", "s3", "s4", "memory");
	return a0;
}

/* Count to LOOPS with sp, gp and tp at VALUE. */
static void lost_loop(long loops, uintptr_t value)
{
	asm volatile("mv s2, sp; mv s3, gp; mv s4, tp;"
		     "mv sp, %1; mv gp, %1; mv tp, %1;"
		     "1: addi %0, %0, -1; bnez %0, 1b;"
		     "mv sp, s2; mv gp, s3; mv tp, s4"
		     : "+r"(loops)
		     : "r"(value)
		     : "s2", "s3", "s4", "memory");
}

/*
 * Give most registers numbers based on SEED, count to LOOPS, and add
 * the registers up again.
 */
static long keep_registers(long seed, long loops)
{
	long sum;

	asm volatile(
		"mv t0, %1; addi t1, t0, 1; addi t2, t0, 2;"
		"addi t3, t0, 3; addi t4, t0, 4; addi t5, t0, 5;"
		"addi s2, t0, 6; addi s3, t0, 7; addi s4, t0, 8;"
		"addi s5, t0, 9; addi s6, t0, 10; addi s7, t0, 11;"
		"addi s8, t0, 12; addi s9, t0, 13; addi s10, t0, 14;"
		"addi a4, t0, 15; addi a5, t0, 16; addi a6, t0, 17;"
		"mv t6, %2; 1: addi t6, t6, -1; bnez t6, 1b;"
		"add %0, t0, t1; add %0, %0, t2; add %0, %0, t3;"
		"add %0, %0, t4; add %0, %0, t5; add %0, %0, s2;"
		"add %0, %0, s3; add %0, %0, s4; add %0, %0, s5;"
		"add %0, %0, s6; add %0, %0, s7; add %0, %0, s8;"
		"add %0, %0, s9; add %0, %0, s10; add %0, %0, a4;"
		"add %0, %0, a5; add %0, %0, a6"
		: "=&r"(sum)
		: "r"(seed), "r"(loops)
		: "t0", "t1", "t2", "t3", "t4", "t5", "t6", "s2", "s3",
		  "s4", "s5", "s6", "s7", "s8", "s9", "s10", "a4", "a5",
		  "a6");
	return sum - (18 * seed + 153);
}

#else

static long raw_call(long number, long a, long b, long c)
{
	long result;

	asm volatile("pushl %4; pushl %3; pushl %2; pushl $0;"
		     "int $0x40; addl $16, %%esp"
		     : "=a"(result)
		     : "0"(number), "r"(a), "r"(b), "r"(c)
		     : "memory", "cc");
	return result;
}

ACT(load_one, "fld1")
ACT(init_float, "fninit")
ACT(use_sse, "xorps %xmm0, %xmm0")
ACT(use_mmx, "pxor %mm0, %mm0")

static const struct act floats[] = {
	{ "fld1", load_one },
	{ "fninit", init_float },
	{ "xorps", use_sse },
	{ "pxor", use_mmx },
};

ACT(undefined, "ud2")
ACT(breakpoint, "int3")
ACT(divide_by_zero, "xorl %ecx, %ecx; divl %ecx")
ACT(lock_prefix, ".byte 0xf0, 0x90")
ACT(system_enter, "sysenter")
ACT(debug_trap, ".byte 0xf1")
ACT(overflow, "movb $127, %al; addb $1, %al; into")

static const struct act illegal[] = {
	{ "ud2", undefined },
	{ "int3", breakpoint },
	{ "division by zero", divide_by_zero },
	{ "lock nop", lock_prefix },
	{ "sysenter", system_enter },
	{ "icebp", debug_trap },
	{ "into", overflow },
};

ACT(no_interrupts, "cli")
ACT(interrupts, "sti")
ACT(halt, "hlt")
ACT(write_cr0, "xorl %eax, %eax; movl %eax, %cr0")
ACT(read_cr3, "movl %cr3, %eax")
ACT(write_cr3, "xorl %eax, %eax; movl %eax, %cr3")
ACT(write_dr7, "xorl %eax, %eax; movl %eax, %dr7")
ACT(load_gdt, "lgdt (%esp)")
ACT(load_idt, "lidt (%esp)")
ACT(load_task, "xorl %eax, %eax; ltr %ax")
ACT(clear_task, "clts")
ACT(invalidate, "invlpg (%esp)")
ACT(read_msr, "movl $0x1b, %ecx; rdmsr")
ACT(page_fault_gate, "int $14")
ACT(double_fault_gate, "int $8")
ACT(timer_gate, "int $32")
ACT(linux_gate, "int $0x80")
ACT(last_gate, "int $255")
ACT(kernel_stack, "movl $0x10, %eax; movl %eax, %ss")
ACT(kernel_data, "movl $0x10, %eax; movl %eax, %ds")
ACT(kernel_code, "pushl $0x08; pushl $0x700000; lret")
ACT(kernel_return, "pushfl; pushl $0x08; pushl $0x700000; iret")
ACT(wild_data, "movl $0xfff8, %eax; movl %eax, %es")

static const struct act privileged[] = {
	{ "cli", no_interrupts },
	{ "sti", interrupts },
	{ "hlt", halt },
	{ "mov to cr0", write_cr0 },
	{ "mov from cr3", read_cr3 },
	{ "mov to cr3", write_cr3 },
	{ "mov to dr7", write_dr7 },
	{ "lgdt", load_gdt },
	{ "lidt", load_idt },
	{ "ltr", load_task },
	{ "clts", clear_task },
	{ "invlpg", invalidate },
	{ "rdmsr", read_msr },
	{ "int 14", page_fault_gate },
	{ "int 8", double_fault_gate },
	{ "int 32", timer_gate },
	{ "int 0x80", linux_gate },
	{ "int 255", last_gate },
	{ "kernel's stack segment", kernel_stack },
	{ "kernel's data segment", kernel_data },
	{ "kernel's code segment", kernel_code },
	{ "iret to the kernel", kernel_return },
	{ "a wild segment", wild_data },
};

ACT(port_in, "movl $0x70, %edx; inb %dx, %al")
ACT(port_out, "movl $0x70, %edx; movb $9, %al; outb %al, %dx")
ACT(string_out, "movl $0x3f8, %edx; movl %esp, %esi; outsb")
ACT(privilege_by_flags, "pushfl; orl $0x3000, (%esp); popfl;"
			"inb $0x71, %al")

static const struct act ports[] = {
	{ "in", port_in },
	{ "out", port_out },
	{ "outs", string_out },
	{ "in, after popf", privilege_by_flags },
};

static void uio(void)
{
	all_kill(ports, COUNT(ports));
}

/* The result of call NUMBER, made with esp at VALUE. */
static long lost_call(long number, uintptr_t value)
{
	long result;

	asm volatile("movl %%esp, %%esi; movl %2, %%esp; int $0x40;"
		     "movl %%esi, %%esp"
		     : "=a"(result)
		     : "0"(number), "d"(value)
		     : "esi", "memory");
	return result;
}

/* Count to LOOPS with esp at VALUE. */
static void lost_loop(long loops, uintptr_t value)
{
	asm volatile("movl %%esp, %%esi; movl %1, %%esp;"
		     "1: decl %0; jnz 1b; movl %%esi, %%esp"
		     : "+c"(loops)
		     : "d"(value)
		     : "esi", "cc", "memory");
}

/*
 * Give the free registers numbers based on SEED, count to LOOPS, and
 * add the registers up again.
 */
static long keep_registers(long seed, long loops)
{
	long sum;

	asm volatile("leal 1(%%eax), %%ebx; leal 2(%%eax), %%edx;"
		     "leal 3(%%eax), %%esi; leal 4(%%eax), %%edi;"
		     "1: decl %%ecx; jnz 1b;"
		     "addl %%ebx, %%eax; addl %%edx, %%eax;"
		     "addl %%esi, %%eax; addl %%edi, %%eax"
		     : "=a"(sum), "+c"(loops)
		     : "0"(seed)
		     : "ebx", "edx", "esi", "edi", "cc");
	return sum - (5 * seed + 10);
}

/* An access that crosses words and pages. */
static void misaligned(void)
{
	char *at = new_pages(2);
	volatile uint32_t *word = (uint32_t *)(at + PAGE - 2);

	*word = 0x12345678;
	check(*word == 0x12345678, "the word is wrong");
	check(at[PAGE - 2] == 0x78 && at[PAGE + 1] == 0x12,
	      "its bytes are wrong");
}

/*
 * Flags that a program may set, and that must not follow it into the
 * kernel: direction, nested task, alignment check.
 */
static void flags(void)
{
	const uint32_t flag[] = { 1 << 10, 1 << 14, 1 << 18 };
	int pid = getpid();

	for (int i = 0; i < COUNT(flag); i++) {
		int got;

		asm volatile("pushfl; pushl %2; popfl; int $0x40; popfl"
			     : "=a"(got)
			     : "0"(11), "r"(flag[i] | 0x202)
			     : "memory", "cc");
		check(got == pid, "flag %x: getpid is %d", flag[i],
		      got);
	}
}

/* A program without data segments can still make a call. */
static void segments(void)
{
	int pid = getpid(), got, loops = 30000000;

	asm volatile("pushl %%ds; pushl %%es; pushl %%fs; pushl %%gs;"
		     "xorl %%edx, %%edx; movl %%edx, %%ds;"
		     "movl %%edx, %%es; movl %%edx, %%fs;"
		     "movl %%edx, %%gs; int $0x40;"
		     "1: decl %%ecx; jnz 1b;"
		     "popl %%gs; popl %%fs; popl %%es; popl %%ds"
		     : "=a"(got), "+c"(loops)
		     : "0"(11)
		     : "edx", "memory", "cc");
	check(got == pid, "getpid is %d", got);
	check(getpid() == pid, "then it is %d", getpid());
}

static void trap_flag(uintptr_t unused)
{
	(void)unused;
	asm volatile("pushfl; orl $0x100, (%esp); popfl; nop; nop");
}

/* Single-stepping is nobody else's business. */
static void singlestep(void)
{
	int status = status_of(spawn(trap_flag, 0));

	check(status == KILLED || status == OK, "status %d", status);
}

#endif

static void floatkills(void)
{
	all_kill(floats, COUNT(floats));
}

static void illegalkills(void)
{
	all_kill(illegal, COUNT(illegal));
}

static void privilegedkills(void)
{
	all_kill(privileged, COUNT(privileged));
}

/* 48: a stack pointer into nowhere hurts neither call nor fork. */
static void bug48_wild_stack(void)
{
	const uintptr_t value[] = { 0, 3, PAGE, USER_END - 2, USER_END,
				    KERNEL_HALF, KERNEL_TEXT,
				    UINTPTR_MAX };

	for (int i = 0; i < COUNT(value); i++) {
		int me = getpid(), pid;

		check(lost_call(11, value[i]) == me, "48: getpid");
		pid = lost_call(1, value[i]);
		if (pid == 0)
			exit(OK);
		expect(pid, OK, "48: the child");
		lost_loop(1000000, value[i]);
	}
}

#ifndef __riscv
/* Arguments are on the stack: without one there are none. */
static void argumentstack(void)
{
	const uintptr_t value[] = { 0, 3, PAGE, USER_END - 8, USER_END,
				    KERNEL_HALF, KERNEL_TEXT,
				    UINTPTR_MAX - 3 };

	for (int i = 0; i < COUNT(value); i++) {
		check(lost_call(10, value[i]) == -1, "dup");
		check(lost_call(16, value[i]) == -1, "write");
		check(lost_call(7, value[i]) == -1, "exec");
		check(lost_call(15, value[i]) == -1, "open");
	}
}

/* They may be the very last words, and not one further. */
static void argumentend(void)
{
	uint32_t *top = (uint32_t *)USER_END;
	int fd;

	check(mmap((void *)(USER_END - PAGE), PAGE, RW, MAP_PRIVATE |
		   MAP_ANONYMOUS | MAP_FIXED, -1, 0) ==
	      (void *)(USER_END - PAGE), "mmap of the last page");
	top[-1] = 1;
	fd = lost_call(10, USER_END - 8);
	check(fd > 1, "dup returns %d", fd);
	close(fd);
	check(lost_call(10, USER_END - 4) == -1, "dup beyond the end");
	top[-1] = 0, top[-2] = USER_END - PAGE, top[-3] = 1;
	check(lost_call(16, USER_END - 16) == 0, "write");
	for (int i = 4; i < 16; i += 4)
		check(lost_call(16, USER_END - i) == -1,
		      "write with %d bytes less", 16 - i);
}
#endif

/* Interrupts and other processes leave the registers alone. */
static void registers(void)
{
	int status;

	for (int i = 0; i < 3; i++) {
		if (must_fork() == 0) {
			for (int j = 0; j < 5; j++)
				check(keep_registers(i * 1000 + j,
						     10000000) == 0,
				      "a register changed");
			exit(OK);
		}
	}
	for (int i = 0; i < 3; i++) {
		check(wait(&status) > 0, "a child is missing");
		check(status == OK, "status %d", status);
	}
}

static const struct test machine_tests[] = {
	{ "floatkills", floatkills, QUICK | KILLS },
	{ "illegalkills", illegalkills, QUICK | KILLS },
	{ "privilegedkills", privilegedkills, QUICK | KILLS },
	{ "registers", registers, QUICK },
	{ "bug48_wild_stack", bug48_wild_stack, QUICK },
#ifndef __riscv
	{ "uio", uio, QUICK | KILLS },
	{ "misaligned", misaligned, QUICK },
	{ "flags", flags, QUICK },
	{ "segments", segments, QUICK },
	{ "singlestep", singlestep, QUICK | KILLS },
	{ "argumentend", argumentend, QUICK | MAPS },
	{ "argumentstack", argumentstack, QUICK },
#endif
};
