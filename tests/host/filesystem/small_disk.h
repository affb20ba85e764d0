#ifndef SMALL_DISK_H
#define SMALL_DISK_H

#include "host.h"

/* A disk of a few blocks: as it was made, and as it is. */
enum { BLOCKS = 128, FRAMES = 1024 };

static uint8_t good[BLOCKS][BLOCK_SIZE], image[BLOCKS][BLOCK_SIZE];

static void carry_out(const struct disk_request *request)
{
	for (unsigned i = 0; i < request->count; i++) {
		uint8_t *block = image[request->block + i];

		if (request->action == DISK_READ)
			memcpy(request->page[i], block, BLOCK_SIZE);
		else
			memcpy(block, request->page[i], BLOCK_SIZE);
	}
}

#endif
