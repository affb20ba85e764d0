/*
 * What our own programs share, beyond user/user.h: options, complaints,
 * lines of any length, output in bulk, directories.  A program that
 * uses it defines `tool`.
 */
#ifndef TOOLS_H
#define TOOLS_H

#include <stdbool.h>
#include <stddef.h>
#include "kernel/types.h"

struct stat;
struct directory_entry;

extern const struct tool {
	const char *name;
	const char *usage;      /* what comes behind the name */
	int trouble;            /* its status after an error */
} tool;

/* ---- Complaints, on file 2 ---- */

void complain(const char *what, const char *why);
void fail(const char *what, const char *why)
	__attribute__((noreturn));      /* the status is trouble */
void usage(void) __attribute__((noreturn));     /* the same */
const char *why_not(const char *path);  /* it could not be opened */
const char *why_not_made(const char *path);

/* ---- Options ---- */

struct options {
	char **argv;            /* as main() got it */
	int index;              /* set to 1; in the end: what follows */
	const char *at;         /* inside a word of several letters */
	char *value;            /* of an option that has one */
};

int next_option(struct options *options, const char *known);
int count_value(const char *text);      /* 0 or more, or fail() */

/* ---- Input ---- */

int open_input(const char *name);
void close_input(int fd);
int each_input(char **names, int (*use)(int fd, const char *name));

/* Set to zero except for FD. */
struct lines {
	int fd;
	bool ended;
	char *buffer;
	size_t size;            /* of the buffer */
	size_t start, end;      /* of what was not given out yet */
};

int next_line(struct lines *lines, char **line, size_t *length);
void lines_done(struct lines *lines);

/* ---- Output, on file 1, all at once ---- */

void put(const char *bytes, size_t length);
void put_text(const char *text, ...)
	__attribute__((format(printf, 1, 2)));
int put_end(void);              /* writes what is left */

/* ---- Names ---- */

const char *last_part(const char *path);
int make_path(char *to, const char *directory, const char *name);
bool is_directory(const char *path);
int each_target(char **word, int (*use)(const char *from, const char *to));
bool same_file(const struct stat *a, const struct stat *b);

/* ---- Directories ---- */

struct directory;

struct directory *opendir(const char *path);    /* NULL: cannot be */
struct directory_entry *readdir(struct directory *directory);
void closedir(struct directory *directory);

/* ---- Memory ---- */

void *must_have(size_t bytes);  /* malloc(), or fail() */
void *grow(void *old, size_t old_bytes, size_t bytes);
void sort_pointers(void **item, size_t count,
		   int (*compare)(const void *, const void *));

#endif
