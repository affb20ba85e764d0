/*
 * A disk that remembers every write, and can be put into any state that
 * a crash might have left it in.
 */
#include "crash.h"
#include "random.h"

struct recording recording;
uint8_t disk_now[MOST_BLOCKS][BLOCK_SIZE];
uint8_t disk_before[MOST_BLOCKS][BLOCK_SIZE];
unsigned now;
unsigned disk_requests;

static bool recording_now;
static unsigned fail_first, fail_count;

/* ---- Random numbers ------------------------------------------------- */

uint64_t random_state;

uint64_t random64(void)
{
	return next_random(&random_state);
}

uint64_t below(uint64_t limit)
{
	return (random64() >> 16) % limit;
}

bool one_in(unsigned n)
{
	return below(n) == 0;
}

/* ---- Recording ------------------------------------------------------ */

static void *room_for(void *array, size_t count, size_t *room, size_t size)
{
	if (count < *room)
		return array;
	*room = *room ? 2 * *room : 64;
	return realloc(array, *room * size);
}

/* A new epoch, with the promises of the one before. */
static void open_epoch(void)
{
	struct epoch last = { .latest = 0 };

	recording.epoch = room_for(recording.epoch, recording.epochs,
				   &recording.epoch_room,
				   sizeof *recording.epoch);
	if (recording.epochs > 0)
		last = recording.epoch[recording.epochs - 1];
	recording.epoch[recording.epochs++] = (struct epoch){
		.first = recording.writes, .end = recording.writes,
		.promised = last.promised, .latest = last.latest,
	};
}

static struct epoch *last_epoch(void)
{
	return &recording.epoch[recording.epochs - 1];
}

void disk_record(void)
{
	recording.writes = recording.epochs = 0;
	recording_now = true;
	now = 0;
	memcpy(disk_before, disk_now,
	       (size_t)(disk.blocks ? disk.blocks : MOST_BLOCKS) *
	       BLOCK_SIZE);
	open_epoch();
}

void record_write(uint32_t block, const void *data)
{
	struct write *write;

	recording.write = room_for(recording.write, recording.writes,
				   &recording.room,
				   sizeof *recording.write);
	write = &recording.write[recording.writes++];
	write->block = block;
	write->moment = now;
	memcpy(write->data, data, BLOCK_SIZE);
	last_epoch()->end = recording.writes;
	/* What is under way may count already. */
	last_epoch()->latest = now + 1;
}

void record_flush(void)
{
	if (last_epoch()->end > last_epoch()->first)
		open_epoch();
}

void record_promise(void)
{
	last_epoch()->promised = now;
	if (last_epoch()->latest < now)
		last_epoch()->latest = now;
}

/* ---- Undoing -------------------------------------------------------- */

static struct undo {
	uint32_t block;
	uint8_t data[BLOCK_SIZE];
} *undo;
static size_t undo_count, undo_room;
static uint32_t undo_mark[MOST_BLOCKS], undo_round;

void disk_note(void)
{
	recording_now = false;
	undo_count = 0;
	undo_round++;
}

/* Keeps what BLOCK was before, once. */
static void keep(uint32_t block)
{
	if (undo_mark[block] == undo_round)
		return;
	undo_mark[block] = undo_round;
	undo = room_for(undo, undo_count, &undo_room, sizeof *undo);
	undo[undo_count].block = block;
	memcpy(undo[undo_count++].data, disk_now[block], BLOCK_SIZE);
}

void disk_undo(void)
{
	while (undo_count-- > 0)
		memcpy(disk_now[undo[undo_count].block],
		       undo[undo_count].data, BLOCK_SIZE);
	disk_note();
}

void disk_put(const struct write *write, unsigned sector)
{
	keep(write->block);
	memcpy(disk_now[write->block] + sector * SECTOR,
	       write->data + sector * SECTOR, SECTOR);
}

/* ---- Requests ------------------------------------------------------- */

void disk_fail_requests(unsigned first, unsigned count)
{
	fail_first = first;
	fail_count = first ? count : 0;
}

bool disk_is_about_to_fail(void)
{
	return fail_first > 1;
}

static bool fails_on_purpose(void)
{
	disk_requests++;
	if (fail_first > 1) {
		fail_first--;
		return false;
	}
	if (fail_count == 0)
		return false;
	fail_count--;
	return true;
}

#ifdef DROP_FLUSH
static uint32_t last_written;
#endif

static bool is_dropped(void)
{
#ifdef DROP_FLUSH
	/* 1: that before the superblock, 2: that behind it, 3: both. */
	return DROP_FLUSH & (last_written < SUPERBLOCKS ? 2 : 1);
#else
	return false;
#endif
}

static void write_block(uint32_t block, const void *data)
{
#ifdef DROP_FLUSH
	last_written = block;
#endif
	if (recording_now)
		record_write(block, data);
	else
		keep(block);
	memcpy(disk_now[block], data, BLOCK_SIZE);
}

int host_disk_do(const struct disk_request *request)
{
	if (fails_on_purpose()) {
		/* Some of it may have come to the disk, nobody knows. */
		if (request->action == DISK_WRITE)
			for (unsigned i = 0; i < request->count; i++)
				if (one_in(2))
					write_block(request->block + i,
						    request->page[i]);
		return -1;
	}
	if (request->action == DISK_FLUSH && recording_now &&
	    !is_dropped())
		record_flush();
	for (unsigned i = 0; i < request->count; i++) {
		uint32_t block = request->block + i;

		if (request->action == DISK_READ)
			memcpy(request->page[i], disk_now[block],
			       BLOCK_SIZE);
		else
			write_block(block, request->page[i]);
	}
	return 0;
}
