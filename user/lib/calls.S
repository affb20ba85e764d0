/* The system calls; call.h is the machine's. */
#include <syscall.h>
#include "call.h"

	CALL fork, SYS_fork
	CALL exit, SYS_exit
	CALL wait, SYS_wait
	CALL pipe, SYS_pipe
	CALL read, SYS_read
	CALL kill, SYS_kill
	CALL exec, SYS_exec
	CALL fstat, SYS_fstat
	CALL chdir, SYS_chdir
	CALL dup, SYS_dup
	CALL getpid, SYS_getpid
	CALL sbrk, SYS_sbrk
	CALL sbrklazy, SYS_sbrk
	CALL sleep, SYS_sleep
	CALL pause, SYS_sleep
	CALL uptime, SYS_uptime
	CALL open, SYS_open
	CALL write, SYS_write
	CALL mknod, SYS_mknod
	CALL unlink, SYS_unlink
	CALL link, SYS_link
	CALL mkdir, SYS_mkdir
	CALL close, SYS_close
	CALL fsync, SYS_fsync
	CALL sync, SYS_sync
	CALL getdents, SYS_getdents
	CALL rename, SYS_rename
	CALL filesystem, SYS_filesystem
	CALL lseek_call, SYS_lseek
	CALL mmap_call, SYS_mmap
	CALL munmap, SYS_munmap
	CALL mprotect, SYS_mprotect
	CALL poweroff, SYS_poweroff
	CALL vmprint, SYS_vmprint
	CALL processes, SYS_processes
	CALL memory, SYS_memory
	CALL monitor, SYS_monitor
	CALL group, SYS_group
