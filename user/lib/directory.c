#include "kernel/fcntl.h"
#include "kernel/fs.h"
#include "kernel/stat.h"
#include "user/tools.h"
#include "user/user.h"

enum { ROOM = 2048 };

/*
 * An open directory.  Kernels of the early chapters have no getdents();
 * there read() gives xv6's records, of which one at a time is turned
 * into a longer one.
 */
struct directory {
	int fd;
	bool short_records;
	int filled, at;         /* bytes in the buffer, and given out */
	uint32_t buffer[ROOM / sizeof(uint32_t)];
};

/* Opens the directory PATH, for closedir() to free; NULL: it is none. */
struct directory *opendir(const char *path)
{
	struct stat about;
	struct directory *directory;
	int fd = open(path, O_RDONLY);

	if (fd < 0)
		return NULL;
	directory = malloc(sizeof *directory);
	if (!directory || fstat(fd, &about) < 0 ||
	    about.type != T_DIR) {
		free(directory);
		close(fd);
		return NULL;
	}
	memset(directory, 0, sizeof *directory);
	directory->fd = fd;
	return directory;
}

/* The next of xv6's records as one of ours, or NULL. */
static struct directory_entry *read_short(struct directory *d)
{
	struct directory_entry *entry = (void *)d->buffer;
	struct dirent record;

	do
		if (read(d->fd, &record, sizeof record) !=
		    sizeof record)
			return NULL;
	while (record.inum == 0);
	*entry = (struct directory_entry){ .ino = record.inum };
	memcpy(entry->name, record.name, DIRSIZ);
	entry->name[DIRSIZ] = '\0';
	entry->length = (uint8_t)strlen(entry->name);
	return entry;
}

/*
 * The next entry, which is good until the next call, or NULL.  The type
 * is 0 where the kernel does not say it.
 */
struct directory_entry *readdir(struct directory *d)
{
	struct directory_entry *entry;

	if (!d->short_records && d->at == d->filled) {
		d->filled = getdents(d->fd, d->buffer, ROOM);
		d->at = 0;
		d->short_records = d->filled < 0;
	}
	if (d->short_records)
		return read_short(d);
	if (d->filled == 0)
		return NULL;
	entry = (void *)((char *)d->buffer + d->at);
	d->at += entry->record;
	return entry;
}

/* Closes what opendir() opened. */
void closedir(struct directory *directory)
{
	close(directory->fd);
	free(directory);
}
