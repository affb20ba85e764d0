/*
 * libFuzzer's bytes as a program file: whatever they are, program_read()
 * and the model agree, and nothing outside of them is read.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include "program_model.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!read_as_expected(data, size))
		abort();
	return 0;
}
