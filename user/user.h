/*
 * What a program can ask for: system calls, and a small C library.  A
 * call that fails returns -1 (NULL, where it returns a pointer) and
 * has changed nothing.
 */
#ifndef USER_H
#define USER_H

#include "kernel/types.h"

#define TICKS_PER_SECOND 100    /* of sleep() and uptime() */

struct stat;
struct process_info;
struct memory_info;
struct filesystem_info;

/* ---- Processes: system calls ---- */

int fork(void);                 /* 0 in the child, else its id */
int exit(int status) __attribute__((noreturn));
int wait(int *status);          /* id of a child that ended; -1: none */
int kill(int pid);
int exec(const char *path, char **argv); /* returns if it fails */
int getpid(void);
char *sbrk(int bytes);          /* old end of the heap, or (char *)-1 */
int sleep(int ticks);
int uptime(void);               /* in ticks */
void *mmap(void *start, size_t size, int protection, int flags, int fd,
	   long long offset);   /* see mman.h */
int munmap(void *start, size_t size);
int mprotect(void *start, size_t size, int protection);
int group(int foreground);      /* leads a new group; see kill, ^C */

/* ---- Files: system calls ---- */

int open(const char *path, int flags);
int close(int fd);
int read(int fd, void *to, int count);
int write(int fd, const void *from, int count);
int dup(int fd);
int pipe(int fd[2]);
int fstat(int fd, struct stat *to);
int chdir(const char *path);
int mkdir(const char *path);
int mknod(const char *path, short major, short minor);
int link(const char *old, const char *new);
int unlink(const char *path);   /* or an empty directory */
int rename(const char *old, const char *new);
long long lseek(int fd, long long offset, int whence);
int fsync(int fd);              /* returns when it is on the disk */
int sync(void);                 /* the same for everything */
int getdents(int fd, void *to, int size);       /* bytes; see dirent.h */

/* ---- The system: system calls ---- */

int processes(struct process_info *to, int count); /* how many */
int memory(struct memory_info *to);
int filesystem(struct filesystem_info *to);
int vmprint(int pid);           /* shows a page table on the console */
int monitor(const char *command);       /* the command's status */
int poweroff(int status);       /* returns only for a bad status */

/* ---- Memory and text ---- */

void *memset(void *to, int byte, size_t length);
void *memcpy(void *to, const void *from, size_t length);
void *memmove(void *to, const void *from, size_t length);
int memcmp(const void *a, const void *b, size_t length);

size_t strlen(const char *text);
int strcmp(const char *a, const char *b);
int strncmp(const char *a, const char *b, size_t length);
char *strcpy(char *to, const char *from);
char *strchr(const char *text, int c);
int join(char *to, size_t size, char *const words[]);

int isspace(int c);
int isdigit(int c);
int atoi(const char *text);
long strtol(const char *text, char **end, int base);
int read_number(const char *text, int *number); /* 0, or -1: not one */

void *malloc(size_t bytes);
void free(void *piece);

/* ---- Input and output ---- */

void printf(const char *text, ...)
	__attribute__((format(printf, 1, 2)));
void fprintf(int fd, const char *text, ...)
	__attribute__((format(printf, 2, 3)));
int snprintf(char *to, size_t size, const char *text, ...)
	__attribute__((format(printf, 3, 4)));
char *gets(char *line, int size);
int write_all(int fd, const void *from, int count);

/* ---- What later versions of xv6 call some of these ---- */

#define SBRK_ERROR ((char *)-1)

char *sbrklazy(int bytes);      /* sbrk; ours is lazy always */
int pause(int ticks);           /* sleep */

/* ---- Shorthands for common pairs of calls ---- */

int stat(const char *path, struct stat *to);
int execute(const char *name, char **argv);     /* looks in / for it */

#endif
