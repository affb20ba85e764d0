/*
 * test, also called [: is it true?  Its status says so: 0 yes, 1 no,
 * 2 it is no question.
 */
#include <limits.h>
#include "kernel/stat.h"
#include "user/tools.h"
#include "user/user.h"

const struct tool tool = {
	"test", "EXPRESSION, or [ EXPRESSION ]", 2
};

static char **word;             /* the next one */
static int words;               /* how many are left */

/* ---- Single questions ---- */

/* Answers -OPTION OPERAND; -1 if there is no such option. */
static int answer_one(const char *option, const char *operand)
{
	struct stat about = { .type = 0 };

	if (option[0] != '-' || !option[1] || option[2] ||
	    !strchr("nzefds", option[1]))
		return -1;
	if (option[1] == 'n')
		return operand[0] != '\0';
	if (option[1] == 'z')
		return operand[0] == '\0';
	if (stat(operand, &about) < 0)
		return 0;
	switch (option[1]) {
	case 'f':
		return about.type == T_FILE;
	case 'd':
		return about.type == T_DIR;
	case 's':
		return about.size > 0;
	}
	return 1;
}

static long number(const char *text)
{
	char *end;
	long value = strtol(text, &end, 10);

	while (isspace(*end))
		end++;
	if (end == text || *end)
		fail(text, "not a number");
	if (value == LONG_MAX || value == LONG_MIN)
		fail(text, "the number is too large");
	return value;
}

static int compare(const char *left, const char *right)
{
	long a = number(left), b = number(right);

	return (a > b) - (a < b);
}

/* Answers LEFT SIGN RIGHT; -1 if there is no such sign. */
static int answer_two(const char *left, const char *sign,
		      const char *right)
{
	if (strcmp(sign, "=") == 0)
		return strcmp(left, right) == 0;
	if (strcmp(sign, "!=") == 0)
		return strcmp(left, right) != 0;
	if (strcmp(sign, "-eq") == 0)
		return compare(left, right) == 0;
	if (strcmp(sign, "-ne") == 0)
		return compare(left, right) != 0;
	if (strcmp(sign, "-lt") == 0)
		return compare(left, right) < 0;
	if (strcmp(sign, "-le") == 0)
		return compare(left, right) <= 0;
	if (strcmp(sign, "-gt") == 0)
		return compare(left, right) > 0;
	if (strcmp(sign, "-ge") == 0)
		return compare(left, right) >= 0;
	return -1;
}

/* ---- Joined ones: -o joins what -a has joined ---- */

static bool next_is(const char *text)
{
	return words > 0 && strcmp(*word, text) == 0;
}

static void skip(int count)
{
	word += count;
	words -= count;
}

/*
 * A question at the front.  Signs between two words go first, so that
 * `test -f = -f` compares; a word alone asks whether it is empty.
 */
static bool primary(void)
{
	int answer = -1;

	if (words >= 3)
		answer = answer_two(word[0], word[1], word[2]);
	if (answer >= 0) {
		skip(3);
		return answer;
	}
	if (words >= 2)
		answer = answer_one(word[0], word[1]);
	if (answer >= 0) {
		skip(2);
		return answer;
	}
	if (words == 0)
		fail("EXPRESSION", "something is missing");
	skip(1);
	return word[-1][0] != '\0';
}

static bool is_comparison(void)
{
	return words >= 3 &&
	       (strcmp(word[1], "=") == 0 || strcmp(word[1], "!=") == 0);
}

static bool negation(void)
{
	bool result = true;

	for (; words > 1 && next_is("!") && !is_comparison(); skip(1))
		result = !result;
	return result == primary();
}

static bool conjunction(void)
{
	bool result = negation();

	while (next_is("-a")) {
		skip(1);
		result &= negation();
	}
	return result;
}

static bool disjunction(void)
{
	bool result = conjunction();

	while (next_is("-o")) {
		skip(1);
		result |= conjunction();
	}
	return result;
}

int main(int argc, char **argv)
{
	bool result;

	word = argv + 1;
	words = argc - 1;
	if (strcmp(last_part(argv[0]), "[") == 0) {
		if (words == 0 || strcmp(argv[argc - 1], "]") != 0)
			fail("[", "there is no ]");
		words--;
	}
	if (words == 0)
		return 1;
	result = disjunction();
	if (words > 0)
		fail(*word, "not expected");
	return !result;
}
