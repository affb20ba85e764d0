/* See model.h. */
#include "host.h"
#include "model.h"

enum { PAGE = 4096 };

struct model_page {
	struct model_page *next;
	unsigned owners;
	uint32_t index;
	uint64_t hash;                  /* 0: all zeros */
	uint8_t data[PAGE];
};

/* ---- Hashes --------------------------------------------------------- */

static uint64_t mix(uint64_t a, uint64_t b)
{
	a = (a ^ b) * 0x9e3779b97f4a7c15;
	a ^= a >> 29;
	a *= 0xbf58476d1ce4e5b9;
	return a ^ a >> 32;
}

static uint64_t hash_page(const void *data)
{
	const uint64_t *word = data;
	uint64_t lane[4] = { 1, 2, 3, 4 }, any = 0;

	for (int i = 0; i < PAGE / 8; i += 4)
		for (int j = 0; j < 4; j++) {
			lane[j] = (lane[j] ^ word[i + j]) *
				  0x9e3779b97f4a7c15;
			lane[j] ^= lane[j] >> 31;
			any |= word[i + j];
		}
	return any ? mix(mix(lane[0], lane[1]), mix(lane[2], lane[3])) | 1
		   : 0;
}

static uint64_t hash_name(uint64_t directory, const char *text,
			  size_t length)
{
	uint64_t hash = directory;

	while (length-- > 0)
		hash = (hash ^ (uint8_t)*text++) * 0x100000001b3;
	return mix(hash, directory);
}

/* What one block of a file adds to the hash of its contents. */
static uint64_t hash_block(uint32_t index, uint64_t page)
{
	return page ? mix(index + 1, page) : 0;
}

/* NAMES is the sum of the hashes of its paths. */
static uint64_t hash_inode(unsigned type, uint64_t links, uint64_t size,
			   uint64_t contents, uint64_t names)
{
	if (type == DIRECTORY)
		size = contents = 0;
	return mix(mix(mix(type, links), mix(size, contents)), names);
}

/* ---- Pages ---------------------------------------------------------- */

static void drop_pages(struct model_page *page)
{
	while (page && --page->owners == 0) {
		struct model_page *next = page->next;

		free(page);
		page = next;
	}
}

static struct model_page *copy_page(const struct model_page *from,
				    uint32_t index)
{
	struct model_page *page = malloc(sizeof *page);

	if (from)
		*page = *from;
	else
		*page = (struct model_page){ .index = index };
	page->owners = 1;
	if (page->next)
		page->next->owners++;
	return page;
}

/* The page INDEX of NODE, not shared with other models, to write to. */
static struct model_page *own_page(struct model_node *node, uint32_t index)
{
	struct model_page **link = &node->pages, *page;

	while ((page = *link) && page->index <= index) {
		if (page->owners > 1) {
			*link = copy_page(page, 0);
			page->owners--;
			page = *link;
		}
		if (page->index == index)
			return page;
		link = &page->next;
	}
	*link = copy_page(NULL, index);
	(*link)->next = page;
	return *link;
}

/* ---- Models --------------------------------------------------------- */

void model_init(struct model *model)
{
	*model = (struct model){ .node[MODEL_ROOT] = {
		.type = DIRECTORY, .links = 1,
	} };
}

void model_copy(struct model *to, const struct model *from)
{
	*to = *from;
	for (int i = 0; i < MODEL_NODES; i++)
		if (to->node[i].pages)
			to->node[i].pages->owners++;
}

void model_free(struct model *model)
{
	for (int i = 0; i < MODEL_NODES; i++)
		drop_pages(model->node[i].pages);
}

static bool is_name(const struct model_name *name, int directory,
		    const char *text, size_t length)
{
	return name->used && name->directory == directory &&
	       name->length == length &&
	       memcmp(name->text, text, length) == 0;
}

static struct model_name *
find_name(const struct model *model, int directory, const char *text,
	  size_t length)
{
	for (int i = 0; i < MODEL_NAMES; i++)
		if (is_name(&model->name[i], directory, text, length))
			return (struct model_name *)&model->name[i];
	return NULL;
}

/*
 * The directory of the last part of PATH, which is at *LAST.  -1: there
 * is none.  Paths have no slash at the end, and no dots.
 */
static int find_parent(const struct model *model, const char *path,
		       const char **last)
{
	int at = MODEL_ROOT;
	const char *slash;

	while (*path == '/')
		path++;
	while ((slash = strchr(path, '/'))) {
		struct model_name *name =
			find_name(model, at, path, (size_t)(slash - path));

		if (!name || model->node[name->node].type != DIRECTORY)
			return -1;
		at = name->node;
		path = slash + 1;
	}
	*last = path;
	return at;
}

int model_find(const struct model *model, const char *path)
{
	const char *last;
	int parent = find_parent(model, path, &last);
	struct model_name *name;

	if (parent < 0)
		return -1;
	name = find_name(model, parent, last, strlen(last));
	return name ? name->node : -1;
}

static int add_name(struct model *model, int directory, const char *text,
		    int node)
{
	struct model_name *name = model->name;

	while (name->used)
		if (++name == model->name + MODEL_NAMES)
			return -1;
	name->used = true;
	name->directory = (uint8_t)directory;
	name->node = (uint8_t)node;
	name->length = (uint8_t)strlen(text);
	memcpy(name->text, text, name->length);
	model->node[node].links++;
	return 0;
}

int model_create(struct model *model, const char *path,
		 enum model_type type)
{
	const char *last;
	int parent = find_parent(model, path, &last), node = 1;

	if (parent < 0 || find_name(model, parent, last, strlen(last)))
		return -1;
	while (node < MODEL_NODES && model->node[node].type != FREE)
		node++;
	if (node == MODEL_NODES)
		return -1;
	model->node[node] = (struct model_node){
		.type = (uint8_t)type,
		.parent = type == DIRECTORY ? (uint8_t)parent : 0,
	};
	if (add_name(model, parent, last, node)) {
		model->node[node].type = FREE;
		return -1;
	}
	return node;
}

int model_link(struct model *model, const char *old, const char *new)
{
	int node = model_find(model, old), parent;
	const char *last;

	if (node < 0 || model->node[node].type == DIRECTORY)
		return -1;
	parent = find_parent(model, new, &last);
	if (parent < 0 || find_name(model, parent, last, strlen(last)))
		return -1;
	return add_name(model, parent, last, node);
}

static void end_if_unused(struct model *model, int node)
{
	struct model_node *at = &model->node[node];

	if (at->type == FREE || at->links > 0 || at->open ||
	    node == MODEL_ROOT)
		return;
	drop_pages(at->pages);
	*at = (struct model_node){ .type = FREE };
}

static bool can_go(const struct model *model, int node)
{
	if (model->node[node].type != DIRECTORY)
		return true;
	for (int i = 0; i < MODEL_NAMES; i++)
		if (model->name[i].used &&
		    model->name[i].directory == node)
			return false;
	return true;
}

static void remove_name(struct model *model, struct model_name *name)
{
	name->used = false;
	model->node[name->node].links--;
	end_if_unused(model, name->node);
}

int model_unlink(struct model *model, const char *path)
{
	const char *last;
	int parent = find_parent(model, path, &last);
	struct model_name *name;

	if (parent < 0)
		return -1;
	name = find_name(model, parent, last, strlen(last));
	if (!name || !can_go(model, name->node))
		return -1;
	remove_name(model, name);
	return 0;
}

static bool is_above(const struct model *model, int a, int b)
{
	while (b != a && b != MODEL_ROOT)
		b = model->node[b].parent;
	return a == b;
}

int model_rename(struct model *model, const char *old, const char *new)
{
	const char *old_last, *new_last;
	int from = find_parent(model, old, &old_last);
	int to = find_parent(model, new, &new_last);
	struct model_name *name, *there;
	struct model_node *node;

	if (from < 0 || to < 0)
		return -1;
	name = find_name(model, from, old_last, strlen(old_last));
	there = find_name(model, to, new_last, strlen(new_last));
	if (!name)
		return -1;
	node = &model->node[name->node];
	if (node->type == DIRECTORY && is_above(model, name->node, to))
		return -1;
	if (there && model->node[there->node].type == DIRECTORY &&
	    is_above(model, there->node, from))
		return -1;
	if (there && there->node == name->node)
		return 0;
	if (there && ((node->type == DIRECTORY) !=
		      (model->node[there->node].type == DIRECTORY) ||
		      !can_go(model, there->node)))
		return -1;
	if (there)
		remove_name(model, there);
	name->directory = (uint8_t)to;
	name->length = (uint8_t)strlen(new_last);
	memcpy(name->text, new_last, name->length);
	if (node->type == DIRECTORY)
		node->parent = (uint8_t)to;
	return 0;
}

void model_truncate(struct model *model, int node)
{
	drop_pages(model->node[node].pages);
	model->node[node].pages = NULL;
	model->node[node].size = 0;
}

void model_write(struct model *model, int node, uint64_t offset,
		 const uint8_t *data, size_t size)
{
	struct model_node *at = &model->node[node];

	while (size > 0) {
		size_t within = offset % PAGE;
		size_t part = PAGE - within < size ? PAGE - within : size;
		struct model_page *page =
			own_page(at, (uint32_t)(offset / PAGE));

		memcpy(page->data + within, data, part);
		page->hash = hash_page(page->data);
		offset += part;
		data += part;
		size -= part;
		if (offset > at->size)
			at->size = offset;
	}
}

void model_close(struct model *model, int node)
{
	model->node[node].open = false;
	end_if_unused(model, node);
}

void model_close_all(struct model *model)
{
	for (int i = 0; i < MODEL_NODES; i++)
		model_close(model, i);
}

/* ---- The hash of a model -------------------------------------------- */

static uint64_t path_hash(const struct model *model, int directory)
{
	if (directory == MODEL_ROOT)
		return 1;
	for (int i = 0; i < MODEL_NAMES; i++) {
		const struct model_name *name = &model->name[i];

		if (name->used && name->node == directory)
			return hash_name(path_hash(model,
						   name->directory),
					 name->text, name->length);
	}
	return 0;
}

uint64_t model_hash(const struct model *model)
{
	uint64_t names[MODEL_NODES] = { [MODEL_ROOT] = 1 }, sum = 0;

	for (int i = 0; i < MODEL_NAMES; i++) {
		const struct model_name *name = &model->name[i];

		if (name->used)
			names[name->node] +=
				hash_name(path_hash(model,
						    name->directory),
					  name->text, name->length);
	}
	for (int i = 0; i < MODEL_NODES; i++) {
		const struct model_node *node = &model->node[i];
		uint64_t contents = 0;

		if (node->type == FREE || node->links == 0)
			continue;
		for (struct model_page *page = node->pages; page;
		     page = page->next)
			contents += hash_block(page->index, page->hash);
		sum += hash_inode(node->type, node->links, node->size,
				  contents, names[i]);
	}
	return sum;
}

/* ---- The hash of what is mounted ------------------------------------ */

enum { MOST_SEEN = 4096 };

static struct seen {
	uint32_t number;
	uint64_t names;
} seen[MOST_SEEN];
static unsigned seen_count;
static bool unreadable;

static uint64_t contents_of(struct inode *inode, unsigned level,
			    uint32_t index, uint32_t blocks)
{
	uint64_t sum = 0, first = (uint64_t)index << 10 * level;
	uint32_t block;
	void *frame;

	if (first >= blocks)
		return 0;
	if (page_block(inode, level, index, &block)) {
		unreadable = true;
		return 0;
	}
	if (level > 0 && block == 0 && !page_is_cached(inode, level, index))
		return 0;
	if (level > 0) {
		for (uint32_t i = 0; i < POINTERS; i++)
			sum += contents_of(inode, level - 1,
					   index * POINTERS + i, blocks);
		return sum;
	}
	if (block == 0 && !page_is_cached(inode, level, index))
		return 0;
	frame = page_get(inode, 0, index, 1);
	if (!frame) {
		unreadable = true;
		return 0;
	}
	sum = hash_block(index, hash_page(frame));
	page_put(frame);
	return sum;
}

static struct seen *see(uint32_t number)
{
	for (unsigned i = 0; i < seen_count; i++)
		if (seen[i].number == number)
			return &seen[i];
	if (seen_count == MOST_SEEN) {
		unreadable = true;
		return &seen[0];
	}
	seen[seen_count] = (struct seen){ number, 0 };
	return &seen[seen_count++];
}

static void see_directory(uint32_t number, uint64_t path, int depth)
{
	struct inode *directory = inode_get(number);
	const struct directory_record *record;
	uint32_t position = 0;
	void *frame;

	if (!directory || depth > 32) {
		unreadable = true;
		return;
	}
	while ((record = directory_next(directory, &position, &frame))) {
		uint64_t name = hash_name(path, record->name,
					  record->length);

		see(record->inode)->names += name;
		if (record->type == T_DIR)
			see_directory(record->inode, name, depth + 1);
		page_put(frame);
	}
	if (position < directory->disk.size)
		unreadable = true;
	inode_put(directory);
}

uint64_t mounted_hash(unsigned *inodes)
{
	uint64_t sum = 0;

	seen_count = 0;
	unreadable = false;
	see(ROOT_INODE)->names = 1;
	see_directory(ROOT_INODE, 1, 0);
	for (unsigned i = 0; i < seen_count; i++) {
		struct inode *inode = inode_get(seen[i].number);
		struct disk_inode *disk;
		uint64_t contents = 0;

		if (!inode)
			return 0;
		disk = &inode->disk;
		if (disk->type != T_DIR)
			contents = contents_of(inode, disk->height, 0,
				(uint32_t)((disk->size + PAGE - 1) / PAGE));
		sum += hash_inode(disk->type, disk->links, disk->size,
				  contents, seen[i].names);
		inode_put(inode);
	}
	*inodes = seen_count;
	return unreadable ? 0 : sum;
}

/* ---- Printing ------------------------------------------------------- */

static void print_node(int depth, const char *name, int length,
		       unsigned type, unsigned links, uint64_t size,
		       uint64_t contents)
{
	printf("  %*s%.*s%s: type %u, links %u, %llu bytes, %08x\n",
	       2 * depth, "", length > 20 ? 20 : length, name,
	       length > 20 ? "..." : "", type, links,
	       (unsigned long long)size, (unsigned)contents);
}

static void print_directory(const struct model *model, int directory,
			    int depth)
{
	for (int i = 0; i < MODEL_NAMES; i++) {
		const struct model_name *name = &model->name[i];
		const struct model_node *node = &model->node[name->node];
		uint64_t contents = 0;

		if (!name->used || name->directory != directory)
			continue;
		for (struct model_page *page = node->pages; page;
		     page = page->next)
			contents += hash_block(page->index, page->hash);
		print_node(depth, name->text, name->length, node->type,
			   node->links, node->size, contents);
		if (node->type == DIRECTORY)
			print_directory(model, name->node, depth + 1);
	}
}

void model_print(const struct model *model)
{
	print_directory(model, MODEL_ROOT, 0);
}

static void print_mounted(uint32_t number, int depth)
{
	struct inode *directory = inode_get(number), *inode;
	const struct directory_record *record;
	uint32_t position = 0;
	void *frame;

	while (directory && depth < 32 &&
	       (record = directory_next(directory, &position, &frame))) {
		inode = inode_get(record->inode);
		if (inode)
			print_node(depth, record->name, record->length,
				   record->type, inode->disk.links,
				   inode->disk.size,
				   contents_of(inode, inode->disk.height,
					0, (uint32_t)((inode->disk.size +
						PAGE - 1) / PAGE)));
		if (inode && record->type == T_DIR)
			print_mounted(record->inode, depth + 1);
		if (inode)
			inode_put(inode);
		page_put(frame);
	}
	if (directory)
		inode_put(directory);
}

void mounted_print(void)
{
	print_mounted(ROOT_INODE, 0);
}
