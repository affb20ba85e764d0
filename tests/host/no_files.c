/*
 * What takes the place of the files where a program has none: nobody
 * gets here, except to find that the cache is empty.
 */
#include "host.h"
#include "files/inode.h"
#include "files/change.h"
#include "files/commit.h"

#define UNUSED(what) \
	failed(__FILE__, __LINE__, what ": a region of a file")

int inode_use(struct inode *inode)
{
	(void)inode;
	UNUSED("inode_use");
}

void inode_unuse(struct inode *inode)
{
	(void)inode;
	UNUSED("inode_unuse");
}

int inode_add_writer(struct inode *inode)
{
	(void)inode;
	UNUSED("inode_add_writer");
}

void inode_drop_writer(struct inode *inode)
{
	(void)inode;
	UNUSED("inode_drop_writer");
}

void inode_hold(struct inode *inode)
{
	(void)inode;
	UNUSED("inode_hold");
}

void inode_put_last(struct inode *inode)
{
	(void)inode;
	UNUSED("inode_put_last");
}

int inode_copy(struct inode *inode, uint64_t offset, void *to,
	       size_t size)
{
	(void)inode;
	(void)offset;
	(void)to;
	(void)size;
	UNUSED("inode_copy");
}

int inode_change_first(struct operation *op, struct inode *inode)
{
	(void)op;
	(void)inode;
	UNUSED("inode_change_first");
}

int inode_reach(struct operation *op, struct inode *inode, uint32_t index)
{
	(void)op;
	(void)inode;
	(void)index;
	UNUSED("inode_reach");
}

void *page_get(struct inode *inode, unsigned level, uint32_t index,
	       unsigned ahead)
{
	(void)inode;
	(void)level;
	(void)index;
	(void)ahead;
	UNUSED("page_get");
}

struct cached *page_change(struct operation *op, struct inode *inode,
			   unsigned level, uint32_t index)
{
	(void)op;
	(void)inode;
	(void)level;
	(void)index;
	UNUSED("page_change");
}

int operation_begin(struct operation *op, unsigned blocks,
		    enum operation_kind kind)
{
	(void)op;
	(void)blocks;
	(void)kind;
	UNUSED("operation_begin");
}

void operation_end(struct operation *op)
{
	(void)op;
	UNUSED("operation_end");
}

int filesystem_sync(void)
{
	UNUSED("filesystem_sync");
}

size_t pages_reclaim(size_t count)
{
	(void)count;
	return 0;
}

void *page_peek(struct inode *inode, uint32_t index)
{
	(void)inode;
	(void)index;
	UNUSED("page_peek");
}
