/*
 * sh: reads commands and runs them.
 *
 * A line is parsed into jobs, each of which is steps joined by && and
 * ||; a step is one command.  Words stay as they were typed, quotes and
 * all, until their command runs, since $? may have changed by then.
 */
#include <stdbool.h>
#include <info.h>
#include "kernel/fcntl.h"
#include "kernel/param.h"
#include "kernel/stat.h"
#include "user/user.h"

enum { LINE = 1024, POOL = 16 * 1024, DEPTH = 16, JOBS = 64 };
enum { USAGE = 2, CANNOT_RUN = 126, NOT_FOUND = 127, KILLED = -1 };

static int status;              /* of the last command: $? */
static int input;               /* the file that commands come from */
static bool interactive;        /* is that the console? */
static int background;          /* children that nobody waits for */

/* ---- Memory for one line ---- */

static uintptr_t pool[POOL / sizeof(uintptr_t)];
static size_t pool_used;

/* Zeroed memory until pool_used is set back, or NULL. */
static void *take(size_t bytes)
{
	size_t words = (bytes + sizeof *pool - 1) / sizeof *pool;
	void *taken = pool + pool_used;

	if (words > sizeof pool / sizeof *pool - pool_used)
		return NULL;
	pool_used += words;
	return memset(taken, 0, words * sizeof *pool);
}

/* ---- What a line becomes ---- */

struct word {
	const char *text;       /* as typed */
	int length;
	struct word *next;
};

struct command {
	struct word *words;
	int count;              /* of words */
	struct job *body;       /* of ( ): jobs instead of words */
};

enum condition { ALWAYS, IF_WELL, IF_NOT };

struct step {
	enum condition when;    /* by the status of the step before */
	struct command *command;
	struct step *next;
};

struct job {
	struct step *steps;
	bool in_background;
	struct job *next;
};

/* ---- Tokens ---- */

enum token {
	END, WORD, SEMICOLON, AMPERSAND, AND, OR, PIPE, LEFT, RIGHT,
	LESS, GREATER, BROKEN
};

struct parser {
	const char *at;         /* behind the token */
	enum token token;
	const char *text;       /* of the token */
	int depth;              /* of parentheses */
};

static const struct sign {
	const char *text;
	enum token token;
} signs[] = {                   /* longer ones first */
	{ "&&", AND }, { "||", OR }, { ";", SEMICOLON },
	{ "&", AMPERSAND }, { "|", PIPE }, { "(", LEFT },
	{ ")", RIGHT }, { "<", LESS }, { ">", GREATER },
};

enum { SIGNS = sizeof signs / sizeof *signs };

/* Reports what is wrong with the line, once. */
static void complain(struct parser *p, const char *what)
{
	if (p->token != BROKEN)
		fprintf(2, "sh: %s\n", what);
	p->token = BROKEN;
}

/* Is C one of those that end a word without quotes? */
static bool ends_word(char c)
{
	return !c || isspace(c) || strchr(";&|()<>", c);
}

/* Where the quoted text that begins AT ends, or NULL. */
static const char *closing_quote(const char *at)
{
	char quote = *at++;

	for (; *at && *at != quote; at++)
		if (quote == '"' && *at == '\\' && at[1])
			at++;
	return *at ? at : NULL;
}

/* Moves p->at behind the word that begins there. */
static void scan_word(struct parser *p)
{
	p->token = WORD;
	for (; !ends_word(*p->at); p->at++) {
		if (*p->at == '\\' && p->at[1]) {
			p->at++;
		} else if (*p->at == '\'' || *p->at == '"') {
			const char *end = closing_quote(p->at);

			if (!end) {
				complain(p, "a quote is not closed");
				return;
			}
			p->at = end;
		}
	}
}

/* If a sign stands at p->at, moves behind it. */
static bool scan_sign(struct parser *p)
{
	for (int i = 0; i < SIGNS; i++) {
		size_t length = strlen(signs[i].text);

		if (strncmp(p->at, signs[i].text, length) == 0) {
			p->token = signs[i].token;
			p->at += length;
			return true;
		}
	}
	return false;
}

/* Makes the next token the current one. */
static void advance(struct parser *p)
{
	if (p->token == BROKEN)
		return;
	while (isspace(*p->at))
		p->at++;
	p->text = p->at;
	if (!*p->at || *p->at == '#')
		p->token = END;
	else if (!scan_sign(p))
		scan_word(p);
}

/* ---- Parsing ---- */

/* As take(), with a complaint. */
static void *parser_take(struct parser *p, size_t bytes)
{
	void *taken = take(bytes);

	if (!taken)
		complain(p, "the line is too long");
	return taken;
}

/* The current token is not what can stand there. */
static void unexpected(struct parser *p)
{
	static const char said[] = "unexpected ";
	char what[sizeof said + LINE];

	if (p->token == PIPE) {
		complain(p, "pipes are not there yet");
	} else if (p->token == LESS || p->token == GREATER) {
		complain(p, "redirections are not there yet");
	} else if (p->token == END) {
		complain(p, "the line ends too early");
	} else if (p->token != BROKEN) {
		snprintf(what, sizeof said + (size_t)(p->at - p->text),
			 "%s%s", said, p->text);
		complain(p, what);
	}
}

static struct job *parse_jobs(struct parser *p);

/* command: ( jobs ) */
static bool parse_body(struct parser *p, struct command *command)
{
	if (++p->depth > DEPTH) {
		complain(p, "too many parentheses");
		return false;
	}
	advance(p);
	command->body = parse_jobs(p);
	p->depth--;
	if (!command->body)
		return false;
	if (p->token != RIGHT) {
		unexpected(p);
		return false;
	}
	advance(p);
	return true;
}

/* command: word { word } */
static bool parse_words(struct parser *p, struct command *command)
{
	struct word **link = &command->words, *word;

	for (; p->token == WORD; advance(p)) {
		word = parser_take(p, sizeof *word);
		if (!word)
			return false;
		word->text = p->text;
		word->length = (int)(p->at - p->text);
		command->count++;
		*link = word;
		link = &word->next;
	}
	return true;
}

/*
 * Pipelines will be lists of commands, and redirections lists that
 * belong to a command.
 */
static struct command *parse_command(struct parser *p)
{
	struct command *command = parser_take(p, sizeof *command);

	if (!command)
		return NULL;
	if (p->token == LEFT)
		return parse_body(p, command) ? command : NULL;
	if (p->token != WORD) {
		unexpected(p);
		return NULL;
	}
	return parse_words(p, command) ? command : NULL;
}

/* job: command { && command, or || command } */
static struct job *parse_job(struct parser *p)
{
	struct job *job = parser_take(p, sizeof *job);
	struct step **link, *step;
	enum condition when = ALWAYS;

	if (!job)
		return NULL;
	for (link = &job->steps;; link = &step->next) {
		*link = step = parser_take(p, sizeof *step);
		if (!step)
			return NULL;
		step->when = when;
		step->command = parse_command(p);
		if (!step->command)
			return NULL;
		if (p->token != AND && p->token != OR)
			return job;
		when = p->token == AND ? IF_WELL : IF_NOT;
		advance(p);
	}
}

/* jobs: job { ; job, or & job } [ ; or & ] */
static struct job *parse_jobs(struct parser *p)
{
	struct job *first = NULL, **link = &first;

	do {
		struct job *job = parse_job(p);

		if (!job)
			return NULL;
		*link = job;
		link = &job->next;
		if (p->token != SEMICOLON && p->token != AMPERSAND)
			break;
		job->in_background = p->token == AMPERSAND;
		advance(p);
	} while (p->token == WORD || p->token == LEFT);
	return first;
}

/* The jobs of a line; NULL if there are none, or after a complaint. */
static struct job *parse(const char *line)
{
	struct parser p = { .at = line };
	struct job *jobs;

	advance(&p);
	if (p.token == END)
		return NULL;
	jobs = parse_jobs(&p);
	if (!jobs || p.token != END) {
		unexpected(&p);
		status = USAGE;
		return NULL;
	}
	return jobs;
}

/* ---- From words as typed to arguments ---- */

/* Does a backslash before C, inside "", mean C itself? */
static bool is_special(char c)
{
	return c == '"' || c == '\\' || c == '$';
}

/*
 * Writes what the piece of a word at *AT stands for to *TO, and moves
 * both on; *QUOTE is the quote that it is in, or 0.  A word's end is
 * always followed by another byte.
 */
static void expand_piece(const char **at, char **to, char *quote)
{
	char c = *(*at)++, next = **at;

	if (c == *quote || (!*quote && (c == '\'' || c == '"'))) {
		*quote = *quote ? 0 : c;
	} else if (*quote == '\'') {
		*(*to)++ = c;
	} else if (c == '\\' && next && (!*quote || is_special(next))) {
		*(*to)++ = next;
		(*at)++;
	} else if (c == '$' && next == '?') {
		*to += snprintf(*to, sizeof "255", "%d", status);
		(*at)++;
	} else {
		*(*to)++ = c;
	}
}

/* The argument that WORD means now, from the pool, or NULL. */
static char *expand(const struct word *word)
{
	const char *at = word->text, *end = at + word->length;
	char *text = take(2 * (size_t)word->length + sizeof "255");
	char *to = text, quote = 0;

	if (!text)
		return NULL;
	while (at < end)
		expand_piece(&at, &to, &quote);
	*to = '\0';
	return text;
}

/* All arguments of COMMAND, and a NULL, or NULL with a complaint. */
static char **arguments(const struct command *command)
{
	char **argv = take(sizeof *argv * (size_t)(command->count + 1));
	int i = 0;

	for (struct word *w = command->words; argv && w; w = w->next) {
		argv[i] = expand(w);
		if (!argv[i++])
			argv = NULL;
	}
	if (!argv)
		fprintf(2, "sh: the line is too long\n");
	return argv;
}

/* ---- Commands of the shell itself ---- */

static int change_directory(char **argv)
{
	const char *where = argv[1] ? argv[1] : "/";

	if (argv[1] && argv[2]) {
		fprintf(2, "usage: cd [DIRECTORY]\n");
		return USAGE;
	}
	if (chdir(where) == 0)
		return 0;
	fprintf(2, "sh: cd: %s: cannot go there\n", where);
	return 1;
}

static int leave(char **argv)
{
	int number = status;

	if (argv[1] && (read_number(argv[1], &number) < 0 || argv[2])) {
		fprintf(2, "usage: exit [STATUS]\n");
		return USAGE;
	}
	exit(number);
}

/* Waits for everything in the background. */
static int wait_for_all(char **argv)
{
	(void)argv;
	while (wait(NULL) >= 0)
		;
	background = 0;
	return 0;
}

static int help(char **argv)
{
	(void)argv;
	printf("Programs are files: `ls /` lists them.\n"
	       "Of the shell itself are cd [DIRECTORY], "
	       "exit [STATUS],\n"
	       "wait (for what was started with &) and help.\n"
	       "Commands are joined by ;  &  &&  ||  and grouped by "
	       "( ).\n");
	return 0;
}

static const struct builtin {
	const char *name;
	int (*run)(char **argv);
} builtins[] = {
	{ "cd", change_directory },
	{ "exit", leave },
	{ "wait", wait_for_all },
	{ "help", help },
};

enum { BUILTINS = sizeof builtins / sizeof *builtins };

static const struct builtin *find_builtin(const char *name)
{
	for (int i = 0; i < BUILTINS; i++)
		if (strcmp(name, builtins[i].name) == 0)
			return &builtins[i];
	return NULL;
}

/* ---- Running ---- */

/* Becomes a program, or ends with the status that says why not. */
static void become(char **argv) __attribute__((noreturn));
static void become(char **argv)
{
	struct stat unused;
	char path[MAXPATH];

	execute(argv[0], argv);
	snprintf(path, sizeof path, strchr(argv[0], '/') ? "%s" : "/%s",
		 argv[0]);
	if (stat(path, &unused) < 0) {
		fprintf(2, "sh: %s: not found\n", argv[0]);
		exit(NOT_FOUND);
	}
	fprintf(2, "sh: %s: cannot be run\n", argv[0]);
	exit(CANNOT_RUN);
}

/*
 * Forks.  The child of an interactive shell leads a group of its own,
 * which ^C on the console kills if it is in the FOREGROUND.
 */
static int start(bool foreground)
{
	int pid = fork();

	if (pid < 0) {
		fprintf(2, "sh: cannot fork\n");
		return -1;
	}
	if (pid > 0)
		return pid;
	if (interactive)
		group(foreground);
	interactive = false;
	background = 0;
	if (input > 0)
		close(input);
	return 0;
}

/* The status of child PID, once it ended; NAME is for the reader. */
static int wait_for(int pid, const char *name)
{
	int result, child;

	while ((child = wait(&result)) != pid) {
		if (child < 0)
			return 1;
		background--;
	}
	if (result == KILLED)
		fprintf(2, "sh: %s: killed\n", name);
	return result & 255;
}

static void run_jobs(const struct job *job, bool last);

/* Runs ( jobs ); LAST as for run_command. */
static int run_body(const struct command *command, bool last)
{
	int pid = last ? 0 : start(true);

	if (pid < 0)
		return 1;
	if (pid > 0)
		return wait_for(pid, "( )");
	run_jobs(command->body, true);
	exit(status);
}

/*
 * Runs one command and returns its status.  If it is the LAST thing to
 * do, a program replaces the shell.
 */
static int run_command(const struct command *command, bool last)
{
	const struct builtin *builtin;
	char **argv;
	int pid;

	if (command->body)
		return run_body(command, last);
	argv = arguments(command);
	if (!argv)
		return USAGE;
	builtin = find_builtin(argv[0]);
	if (builtin)
		return builtin->run(argv);
	if (command->count >= MAXARG) {
		fprintf(2, "sh: %s: too many arguments\n", argv[0]);
		return CANNOT_RUN;
	}
	pid = last ? 0 : start(true);
	if (pid < 0)
		return 1;
	if (pid == 0)
		become(argv);
	return wait_for(pid, argv[0]);
}

/* Runs the steps whose condition is met, and sets the status. */
static void run_steps(const struct step *step, bool last)
{
	size_t used = pool_used;

	for (; step; step = step->next) {
		if (step->when == IF_WELL && status != 0)
			continue;
		if (step->when == IF_NOT && status == 0)
			continue;
		status = run_command(step->command,
				     last && !step->next);
		pool_used = used;
	}
}

/* Runs JOB in a child that is not waited for. */
static void run_in_background(const struct job *job)
{
	int pid = start(false);

	if (pid == 0) {
		run_steps(job->steps, true);
		exit(status);
	}
	if (pid > 0)
		background++;
	status = pid < 0;
}

/* Runs a list of jobs; LAST as for run_command. */
static void run_jobs(const struct job *job, bool last)
{
	for (; job; job = job->next) {
		if (job->in_background)
			run_in_background(job);
		else
			run_steps(job->steps, last && !job->next);
	}
}

static void run_line(const char *line, bool last)
{
	pool_used = 0;
	if (strlen(line) < LINE) {
		run_jobs(parse(line), last);
		return;
	}
	fprintf(2, "sh: the line is too long\n");
	status = USAGE;
}

/* ---- Reading ---- */

/* Buries those of the background that ended, without waiting. */
static void reap(void)
{
	struct process_info info[JOBS];
	int count = background ? processes(info, JOBS) : 0;
	int self = getpid();

	for (int i = 0; i < count; i++) {
		if (info[i].parent != self ||
		    info[i].state != PROCESS_ZOMBIE)
			continue;
		wait(NULL);
		background--;
	}
}

/*
 * Reads a line, byte by byte, since what follows may be for a child.
 * Of a longer one only LINE bytes are kept, which run_line() will find
 * too many.  Returns false at the end of input.
 */
static bool read_line(char line[LINE + 1])
{
	int length = 0;
	char c = 0;

	while (read(input, &c, 1) == 1 && c != '\n') {
		if (length < LINE)
			line[length++] = c;
		c = 0;
	}
	line[length] = '\0';
	return length > 0 || c == '\n';
}

/* Reads and runs lines until there are no more. */
static void run_input(void)
{
	static char line[LINE + 1];

	for (;;) {
		if (interactive) {
			reap();
			write(2, "weft$ ", 6);
		}
		if (!read_line(line))
			break;
		run_line(line, false);
	}
	if (interactive)
		write(2, "\n", 1);
}

/* Runs the lines of TEXT, which it takes apart. */
static void run_text(char *text)
{
	char *end;

	while ((end = strchr(text, '\n'))) {
		*end = '\0';
		run_line(text, false);
		text = end + 1;
	}
	run_line(text, true);
}

/* Are commands typed here? */
static bool is_console(int fd)
{
	struct stat about;

	return fstat(fd, &about) == 0 && about.type == T_DEVICE;
}

int main(int argc, char **argv)
{
	if (argc == 3 && strcmp(argv[1], "-c") == 0) {
		run_text(argv[2]);
		return status;
	}
	if (argc > 2 || (argc == 2 && argv[1][0] == '-')) {
		fprintf(2, "usage: sh [-c COMMANDS | FILE]\n");
		return USAGE;
	}
	if (argc == 2)
		input = open(argv[1], O_RDONLY);
	if (input < 0) {
		fprintf(2, "sh: %s: cannot open\n", argv[1]);
		return NOT_FOUND;
	}
	interactive = is_console(input);
	if (interactive)
		group(false);
	run_input();
	return status;
}
