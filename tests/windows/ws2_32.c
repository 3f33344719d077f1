/* Stand-in for bind, WSAIoctl and closesocket of ws2_32.dll; every other export is forwarded to a copy of Wine's own,
   ws2wine.dll, and so are these three where no row of the state is in question.

   A port under an unstarred row, or under a reservation whose token the socket does not present, is refused with
   WSAEACCES, as Windows does (facts 4.7 and 5.2). The token is presented by SIO_ASSOCIATE_PORT_RESERVATION before
   bind; its argument rules are those of Microsoft's page for that code. Proves the shape of the call on the real ABI,
   not what afd.sys and tcpip.sys make of it. A dual-stack IPv6 socket is looked at as IPv6 only. One line a call:

     ws2_32 <tab> ioctl <tab> 98000066 <tab> input in hex <tab> output length <tab> code
     ws2_32 <tab> bind <tab> lane <tab> port <tab> 10013 */

#include <winsock2.h>
#include <ws2tcpip.h>
#include <mstcpip.h>

#include <stdio.h>
#include <string.h>

#include "standin.h"

enum { MOST_SOCKETS = 256 };

static const char *const LANE_WORDS[] = {"tcp/ipv4", "tcp/ipv6", "udp/ipv4", "udp/ipv6"};
static struct { SOCKET socket; ULONG64 token; } presented[MOST_SOCKETS];
static CRITICAL_SECTION presenting;

typedef void (*any_function)(void);
typedef int(WINAPI *bind_function)(SOCKET, const struct sockaddr *, int);
typedef int(WINAPI *option_function)(SOCKET, int, int, char *, int *);
typedef int(WINAPI *name_function)(SOCKET, struct sockaddr *, int *);
typedef int(WINAPI *close_function)(SOCKET);
typedef int(WINAPI *ioctl_function)(SOCKET, DWORD, LPVOID, DWORD, LPVOID, DWORD, LPDWORD, LPWSAOVERLAPPED,
                                    LPWSAOVERLAPPED_COMPLETION_ROUTINE);

BOOL WINAPI DllMain(HINSTANCE instance, DWORD reason, LPVOID reserved)
{
    (void)instance, (void)reserved;
    if (reason == DLL_PROCESS_ATTACH)
        InitializeCriticalSection(&presenting);
    return TRUE;
}

static any_function wine(const char *name)
{
    return (any_function)GetProcAddress(LoadLibraryA("ws2wine.dll"), name);
}

static int fail(int code)
{
    SetLastError((DWORD)code);
    return SOCKET_ERROR;
}

/* Remember (or, with token 0, forget) what a socket presented. The old token is given back. */
static ULONG64 present(SOCKET socket, ULONG64 token, int change)
{
    ULONG64 old = 0;
    int place = -1;
    EnterCriticalSection(&presenting);
    for (int i = 0; i < MOST_SOCKETS; i++) {
        if (presented[i].token && presented[i].socket == socket) {
            old = presented[i].token;
            place = i;
            break;
        }
        if (place < 0 && !presented[i].token)
            place = i;
    }
    if (change && place >= 0) {
        presented[place].socket = socket;
        presented[place].token = token;
    }
    LeaveCriticalSection(&presenting);
    return old;
}

/* The protocol of a socket, or -1 if it is neither TCP nor UDP, or no socket. */
static int protocol_of(SOCKET socket)
{
    int type = 0, length = sizeof type;
    if (((option_function)wine("getsockopt"))(socket, SOL_SOCKET, SO_TYPE, (char *)&type, &length))
        return -1;
    return type == SOCK_STREAM ? TCP : type == SOCK_DGRAM ? UDP : -1;
}

static int port_of(const struct sockaddr *address)
{
    USHORT port = ((const struct sockaddr_in *)address)->sin_port;      /* at the same place for IPv6 */
    return (USHORT)(port << 8 | port >> 8);
}

static int is_bound(SOCKET socket)
{
    struct sockaddr_storage name;
    int length = sizeof name;
    return !((name_function)wine("getsockname"))(socket, (struct sockaddr *)&name, &length) &&
           port_of((struct sockaddr *)&name);
}

/* The reservation that a token stands for, or NULL. */
static struct row *reservation_of(struct state *state, ULONG64 token)
{
    for (struct row *row = state->rows; row < state->rows + state->row_count; row++)
        if (row->origin == RESERVATION && token_of(state, row->table / 2, row->first, row->last) == token)
            return row;
    return NULL;
}

static int associate(SOCKET socket, const void *input, DWORD length, DWORD output, LPDWORD returned, LPVOID overlapped)
{
    struct state state;
    const struct row *row;
    ULONG64 token;
    int protocol = protocol_of(socket), code = 0;
    if (!input || (!returned && !overlapped))
        return WSAEFAULT;
    if (length < sizeof(INET_PORT_RESERVATION_TOKEN) || output)
        return WSAEINVAL;
    if (protocol < 0)
        return WSAEOPNOTSUPP;
    if (is_bound(socket))
        return WSAEINVAL;
    if (state_open(&state))
        return WSAEOPNOTSUPP;
    memcpy(&token, input, sizeof token);
    row = reservation_of(&state, token);
    if (!state.elevated)
        code = WSAEACCES;
    else if (!row || row->table / 2 != protocol)
        code = WSAEINVAL;
    else
        present(socket, token, 1);
    state_close(&state);
    return code;
}

int WINAPI standin_WSAIoctl(SOCKET socket, DWORD control, LPVOID input, DWORD input_length, LPVOID output,
                            DWORD output_length, LPDWORD returned, LPWSAOVERLAPPED overlapped,
                            LPWSAOVERLAPPED_COMPLETION_ROUTINE routine)
{
    char hex[65] = "";
    int code;
    if (control != SIO_ASSOCIATE_PORT_RESERVATION)
        return ((ioctl_function)wine("WSAIoctl"))(socket, control, input, input_length, output, output_length,
                                                  returned, overlapped, routine);
    for (DWORD i = 0; input && i < input_length && i < sizeof hex / 2; i++)
        sprintf(hex + 2 * i, "%02x", ((unsigned char *)input)[i]);
    code = associate(socket, input, input_length, output_length, returned, overlapped);
    state_log("ws2_32\tioctl\t%08lx\t%s\t%lu\t%d", (unsigned long)control, hex, (unsigned long)output_length, code);
    if (returned)
        *returned = 0;
    return code ? fail(code) : 0;
}

/* Is the port under a row that this socket may not bind? */
static int refused(SOCKET socket, int lane, int port)
{
    struct state state;
    const struct row *row;
    ULONG64 token = present(socket, 0, 0);
    int code = 0;
    if (state_open(&state))
        return 0;
    row = row_touching(&state, table_of(&state, lane), port, port);
    if (row && !row_excluded(row))
        code = row->origin != RESERVATION || token_of(&state, lane / 2, row->first, row->last) != token;
    if (code)
        state_log("ws2_32\tbind\t%s\t%d\t%d", LANE_WORDS[lane], port, WSAEACCES);
    state_close(&state);
    return code;
}

int WINAPI standin_bind(SOCKET socket, const struct sockaddr *address, int length)
{
    int ours = address && length >= (int)sizeof(struct sockaddr_in) &&
               (address->sa_family == AF_INET || address->sa_family == AF_INET6) && port_of(address);
    int protocol = ours ? protocol_of(socket) : -1;
    if (protocol >= 0 && refused(socket, protocol * 2 + (address->sa_family == AF_INET6), port_of(address)))
        return fail(WSAEACCES);
    return ((bind_function)wine("bind"))(socket, address, length);
}

int WINAPI standin_closesocket(SOCKET socket)
{
    present(socket, 0, 1);
    return ((close_function)wine("closesocket"))(socket);
}
