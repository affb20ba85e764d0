#ifndef MODEL_H
#define MODEL_H

/*
 * What a file system should be like: inodes with contents, and names that
 * lead to them.  A model is a value; model_copy() is cheap, for contents
 * are shared.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { MODEL_NODES = 96, MODEL_NAMES = 192, MODEL_ROOT = 0 };

enum model_type { FREE, DIRECTORY, PLAIN, DEVICE };

struct model_node {
	uint8_t type;
	bool open;                      /* kept without a name */
	uint8_t parent;                 /* of a directory */
	unsigned links;
	uint64_t size;
	struct model_page *pages;       /* in ascending order, shared */
};

struct model_name {
	uint8_t directory, node, length;
	bool used;
	char text[255];
};

struct model {
	struct model_node node[MODEL_NODES];
	struct model_name name[MODEL_NAMES];
};

void model_init(struct model *model);
void model_copy(struct model *to, const struct model *from);
void model_free(struct model *model);

/*
 * The operations of the kernel, with paths.  They return what it should
 * return: 0 or -1; model_create() a node or -1.
 */
int model_find(const struct model *model, const char *path);
int model_create(struct model *model, const char *path,
		 enum model_type type);
int model_link(struct model *model, const char *old, const char *new);
int model_unlink(struct model *model, const char *path);
int model_rename(struct model *model, const char *old, const char *new);
void model_truncate(struct model *model, int node);
void model_write(struct model *model, int node, uint64_t offset,
		 const uint8_t *data, size_t size);

/* The node loses what keeps it without a name. */
void model_close(struct model *model, int node);

/* Nothing is open any more: as after a crash. */
void model_close_all(struct model *model);

/* The same number for two models that a program cannot tell apart. */
uint64_t model_hash(const struct model *model);

/* ... and for the file system that is mounted; *INODES are reachable. */
uint64_t mounted_hash(unsigned *inodes);

/* Prints what is there. */
void model_print(const struct model *model);
void mounted_print(void);

#endif
