/* Stand-in for System32\netsh.exe, of which it knows the commands that this project uses, in full words and tags:

     interface ipv4|ipv6 add|delete excludedportrange protocol= startport= numberofports= [store=]
     interface ipv4|ipv6 show       excludedportrange protocol= [store=]
     interface ipv4|ipv6 set        dynamicportrange  protocol= startport= numberofports= [store=]
     interface ipv4|ipv6 show       dynamicportrange  protocol= [store=]

   The real one also takes abbreviations and values by position; here they are "not found", so that a test notices.
   Layout and line ends are those of captured output. It proves the command line and how output is read as bytes; it
   cannot prove what a real netsh says or returns. Every process leaves one line in the log: its arguments. */

#include <windows.h>

#include <fcntl.h>
#include <io.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "standin.h"

enum { HANG_MILLISECONDS = 600000, LONGEST = 4 * 1024 * 1024 };

enum verb { ADD, DELETE_, SHOW, SET, SHOW_DYNAMIC, VERBS };
static const char *const PLACES[] = {"add", "delete", "show", "set", "show-dynamic"};

struct request { int verb, lane, first, count, store; };    /* store: -1 where none was given */

static char *text;                                          /* what will be said, UTF-8 */
static size_t length;

static void say(const char *format, ...)
{
    va_list words;
    va_start(words, format);
    length += (size_t)vsnprintf(text + length, LONGEST - length, format, words);
    va_end(words);
}

/* The value of a tag, or NULL. A tag that stands twice has none. */
static const char *tag(int count, char **words, const char *name)
{
    const char *found = NULL;
    for (int i = 0; i < count; i++)
        if (!strncmp(words[i], name, strlen(name)) && words[i][strlen(name)] == '=') {
            if (found)
                return NULL;
            found = words[i] + strlen(name) + 1;
        }
    return found;
}

static int number(const char *word, int *value)
{
    char *end;
    *value = (int)strtoul(word ? word : "", &end, 10);
    return word && *word >= '0' && *word <= '9' && !*end && strlen(word) <= 9;
}

/* 0 if this is not one of the commands above. */
static int parse(int count, char **words, struct request *request)
{
    const char *protocol, *store;
    int dynamic, wanted = 1, sizes;
    if (count < 6 || strcmp(words[1], "interface") || (strcmp(words[2], "ipv4") && strcmp(words[2], "ipv6")))
        return 0;
    dynamic = !strcmp(words[4], "dynamicportrange");
    if (!dynamic && strcmp(words[4], "excludedportrange"))
        return 0;
    if (!strcmp(words[3], "show"))
        request->verb = dynamic ? SHOW_DYNAMIC : SHOW;
    else if (!strcmp(words[3], "set") && dynamic)
        request->verb = SET;
    else if (!dynamic && (!strcmp(words[3], "add") || !strcmp(words[3], "delete")))
        request->verb = words[3][0] == 'a' ? ADD : DELETE_;
    else
        return 0;
    sizes = request->verb != SHOW && request->verb != SHOW_DYNAMIC;
    protocol = tag(count - 5, words + 5, "protocol");
    store = tag(count - 5, words + 5, "store");
    if (!protocol || (strcmp(protocol, "tcp") && strcmp(protocol, "udp")))
        return 0;
    if (store && strcmp(store, "active") && strcmp(store, "persistent"))
        return 0;
    request->lane = (protocol[0] == 'u') * 2 + (words[2][3] == '6');
    request->store = store ? store[0] == 'a' ? ACTIVE : PERSISTENT : -1;
    if (sizes && (!number(tag(count - 5, words + 5, "startport"), &request->first) ||
                  !number(tag(count - 5, words + 5, "numberofports"), &request->count)))
        return 0;
    wanted += (store != NULL) + 2 * sizes;
    return count - 5 == wanted;
}

/* `extra` is the first port of a row that is not there, or 0. `store` as in a request. */
static void say_listing(struct state *state, const struct language *language, const struct request *request, int extra)
{
    int table = table_of(state, request->lane), stored = request->store == PERSISTENT;
    struct row *rows = malloc((state->row_count + 1) * sizeof *rows);
    int count = 0;
    for (struct row *row = state->rows; row < state->rows + state->row_count; row++)
        if (row->table == table || (stored && row->table == table + LANES)) {
            rows[count] = *row;
            rows[count++].table = table;
        }
    if (extra && !row_touching(state, table, extra, extra))
        rows[count++] = (struct row){table, extra, extra, BLOCK, ACTIVE, BOTH};
    rows_sort(rows, count);
    say("\r\n");
    say(language->title, request->lane / 2 ? "udp" : "tcp");
    say("\r\n\r\n%s\r\n%s\r\n", language->header, language->rule);
    for (struct row *row = rows; row < rows + count; row++) {
        if (stored && (state->variant[STORE_EMPTY] || !row_excluded(row) || row->store != PERSISTENT))
            continue;
        say("%10d  %10d%s\r\n", row->first, row->last, stored || row_starred(state, row) ? "     *" : "      ");
    }
    say("\r\n%s\r\n\r\n", language->legend);
    free(rows);
}

static void say_dynamic(const struct state *state, const struct language *language, const struct request *request)
{
    int protocol = request->lane / 2, first = state->dynamic[protocol].first, last = state->dynamic[protocol].last;
    say("\r\n");
    say(language->dynamic_title, protocol ? "udp" : "tcp");
    say("\r\n---------------------------------\r\n%s%d\r\n%s%d\r\n\r\n", language->dynamic_start, first,
        language->dynamic_count, last - first + 1);
}

/* What Windows would do and say. The exit code is 1 for every refusal (facts 1.10). */
static int obey(struct state *state, const struct language *language, const struct request *request, int extra)
{
    int last = request->first + request->count - 1, store = request->store == ACTIVE ? ACTIVE : PERSISTENT;
    int code = DONE;
    switch (request->verb) {
    case SHOW:
        say_listing(state, language, request, extra);
        return 0;
    case SHOW_DYNAMIC:
        say_dynamic(state, language, request);
        return 0;
    case ADD: code = exclude(state, request->lane, request->first, last, store); break;
    case DELETE_: code = unexclude(state, request->lane, request->first, last, store); break;
    default: code = set_dynamic(state, request->lane / 2, request->first, request->count);
    }
    say("%s\r\n\r\n", message_of(language, code));
    return code != DONE;
}

static int answer(struct state *state, const struct language *language, const struct request *request, int fault)
{
    LARGE_INTEGER now;
    int code = 0;
    QueryPerformanceCounter(&now);
    if (fault == NO_FAULT || fault == TRUNCATED || fault == HANG_DONE || fault == DENIED_DONE || fault == FLICKER)
        code = obey(state, language, request, fault == FLICKER ? 1 + (int)(now.QuadPart / 10 % 900) : 0);
    if (fault == TRUNCATED)
        text[length *= 0.6] = 0;
    if (fault == OK_REFUSED || fault == BUSY || fault == ERROR_TEXT || fault == DENIED_DONE) {
        length = 0;
        say("%s\r\n\r\n", message_of(language, fault == OK_REFUSED ? DONE : fault == DENIED_DONE ? DENIED : IN_USE));
        code = fault == BUSY || fault == DENIED_DONE;
    }
    return code;
}

static void write_out(unsigned code_page, int fault)
{
    char *bytes = malloc(LONGEST);
    size_t made = encode(text, code_page, bytes, LONGEST);
    if (fault == GARBAGE)
        for (made = 0; made < 700; made++)
            bytes[made] = (char)(made * made * 31 + made / 7);
    _setmode(_fileno(stdout), _O_BINARY);
    fwrite(bytes, 1, made, stdout);
    fflush(stdout);
}

int main(int count, char **words)
{
    struct state state;
    struct request request = {0};
    const struct language *language;
    int fault = NO_FAULT, code = 1;
    text = calloc(1, LONGEST);
    if ((code = state_open(&state)) != 0) {
        fprintf(stderr, "stand-in netsh: no state (Win32 %d); set PORT_STANDIN_STATE\n", code);
        return 99;
    }
    for (int i = 1; i < count; i++)
        say("\t%s", words[i]);
    state_log("netsh%s", text);
    length = 0;
    text[0] = 0;
    language = language_named(state.language);
    if (!parse(count, words, &request)) {
        code = 1;
        say("The following command was not found:");
        for (int i = 1; i < count; i++)
            say(" %s", words[i]);
        say(".\r\n");
    } else {
        fault = take_fault(&state, PLACES[request.verb]);
        code = answer(&state, language, &request, fault);
    }
    state_close(&state);
    if (fault == HANG || fault == HANG_DONE)
        Sleep(HANG_MILLISECONDS);
    write_out(language->code_page, fault);
    return code;
}
