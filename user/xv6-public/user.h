/*
 * Weft for programs of xv6-public, where exit() and wait() take nothing
 * and printf() begins with a file descriptor.  The library has these
 * three under other names, beside its own.
 */
#ifndef PUBLIC_USER_H
#define PUBLIC_USER_H

#include "types.h"

#define exit public_exit
#define wait public_wait
#define printf public_printf

struct stat;

/* System calls. */
int fork(void);
int exit(void) __attribute__((noreturn));
int wait(void);
int pipe(int *);
int write(int, const void *, int);
int read(int, void *, int);
int close(int);
int kill(int);
int exec(char *, char **);
int open(const char *, int);
int mknod(const char *, short, short);
int unlink(const char *);
int fstat(int, struct stat *);
int link(const char *, const char *);
int mkdir(const char *);
int chdir(const char *);
int dup(int);
int getpid(void);
char *sbrk(int);
int sleep(int);
int uptime(void);

/* The library. */
int stat(const char *, struct stat *);
char *strcpy(char *, const char *);
void *memmove(void *, const void *, size_t);
char *strchr(const char *, int);
int strcmp(const char *, const char *);
void printf(int, const char *, ...);
char *gets(char *, int);
size_t strlen(const char *);
void *memset(void *, int, size_t);
void *malloc(size_t);
void free(void *);
int atoi(const char *);

#endif
