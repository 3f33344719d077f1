/* Stand-in for the functions of iphlpapi.dll that this project uses, by itself or through psutil. Every other export
   is forwarded to a copy of Wine's own DLL, iphlpwine.dll.

   Wine's has no persistent reservations at all. The start port comes in network byte order, the count does not. The
   compiler checks the signatures against mingw's header. That proves the ctypes calls on the real Windows ABI; it
   cannot prove when a real Windows refuses. Each call leaves one line in the log:

     iphlpapi <tab> reserve|unreserve|lookup <tab> tcp|udp <tab> first <tab> count <tab> code

   Open sockets are those of the state alone, so that what else runs on the machine cannot change a test. */

#include <winsock2.h>
#include <windows.h>

#include <iphlpapi.h>
#include <string.h>

#include "standin.h"

enum { HANG_MILLISECONDS = 600000 };

static USHORT swapped(USHORT value)
{
    return (USHORT)(value << 8 | value >> 8);
}

static int obey(struct state *state, const char *verb, int protocol, int first, int last)
{
    if (!strcmp(verb, "reserve"))
        return reserve(state, protocol, first, last);
    if (!strcmp(verb, "unreserve"))
        return unreserve(state, protocol, first, last);
    return lookup(state, protocol, first, last);
}

static ULONG call(const char *verb, int protocol, USHORT start, USHORT count, PULONG64 token, int wants_token)
{
    struct state state;
    int first = swapped(start), last = first + count - 1, fault, code;
    if (wants_token && !token)
        return ERROR_INVALID_PARAMETER;
    if ((code = state_open(&state)) != 0)
        return (ULONG)code;
    fault = take_fault(&state, verb);
    if (fault == OK_REFUSED || fault == EMPTY || fault == GARBAGE || fault == HANG)
        code = DONE;
    else if (fault == BUSY || fault == ERROR_TEXT)
        code = IN_USE;
    else
        code = obey(&state, verb, protocol, first, last);
    if (fault == DENIED_DONE)
        code = DENIED;
    if (wants_token && code == DONE)
        *token = token_of(&state, protocol, first, last);
    state_log("iphlpapi\t%s\t%s\t%d\t%d\t%d", verb, protocol == TCP ? "tcp" : "udp", first, count, code);
    state_close(&state);
    if (fault == HANG || fault == HANG_DONE)
        Sleep(HANG_MILLISECONDS);
    return (ULONG)code;
}

ULONG WINAPI CreatePersistentTcpPortReservation(USHORT StartPort, USHORT NumberOfPorts, PULONG64 Token)
{
    return call("reserve", TCP, StartPort, NumberOfPorts, Token, 1);
}

ULONG WINAPI CreatePersistentUdpPortReservation(USHORT StartPort, USHORT NumberOfPorts, PULONG64 Token)
{
    return call("reserve", UDP, StartPort, NumberOfPorts, Token, 1);
}

ULONG WINAPI DeletePersistentTcpPortReservation(USHORT StartPort, USHORT NumberOfPorts)
{
    return call("unreserve", TCP, StartPort, NumberOfPorts, NULL, 0);
}

ULONG WINAPI DeletePersistentUdpPortReservation(USHORT StartPort, USHORT NumberOfPorts)
{
    return call("unreserve", UDP, StartPort, NumberOfPorts, NULL, 0);
}

ULONG WINAPI LookupPersistentTcpPortReservation(USHORT StartPort, USHORT NumberOfPorts, PULONG64 Token)
{
    return call("lookup", TCP, StartPort, NumberOfPorts, Token, 1);
}

ULONG WINAPI LookupPersistentUdpPortReservation(USHORT StartPort, USHORT NumberOfPorts, PULONG64 Token)
{
    return call("lookup", UDP, StartPort, NumberOfPorts, Token, 1);
}

/* One row of whichever table; ports in network byte order in the low 16 bits, the address "any". */
static size_t fill(void *rows, DWORD index, const struct sock *sock)
{
    DWORD port = swapped((USHORT)sock->port);
    switch (sock->lane) {
    case TCP4: {
        MIB_TCPROW_OWNER_PID row = {MIB_TCP_STATE_LISTEN, 0, port, 0, 0, sock->pid};
        if (rows)
            ((MIB_TCPROW_OWNER_PID *)rows)[index] = row;
        return sizeof row;
    }
    case TCP6: {
        MIB_TCP6ROW_OWNER_PID row = {.dwLocalPort = port, .dwState = MIB_TCP_STATE_LISTEN, .dwOwningPid = sock->pid};
        if (rows)
            ((MIB_TCP6ROW_OWNER_PID *)rows)[index] = row;
        return sizeof row;
    }
    case UDP4: {
        MIB_UDPROW_OWNER_PID row = {0, port, sock->pid};
        if (rows)
            ((MIB_UDPROW_OWNER_PID *)rows)[index] = row;
        return sizeof row;
    }
    default: {
        MIB_UDP6ROW_OWNER_PID row = {.dwLocalPort = port, .dwOwningPid = sock->pid};
        if (rows)
            ((MIB_UDP6ROW_OWNER_PID *)rows)[index] = row;
        return sizeof row;
    }
    }
}

/* All four tables begin with a count that four bytes of nothing follow where rows need eight-byte places; none do. */
static DWORD sockets(PVOID table, PDWORD size, int lane)
{
    struct state state;
    struct sock any = {.lane = lane};
    DWORD count = 0, needed;
    int code = state_open(&state);
    if (code)
        return (DWORD)code;
    for (int i = 0; i < state.sock_count; i++)
        count += state.socks[i].lane == lane;
    needed = (DWORD)(sizeof count + (count ? count : 1) * fill(NULL, 0, &any));
    if (!table || *size < needed) {
        code = ERROR_INSUFFICIENT_BUFFER;
    } else {
        *(DWORD *)table = count;
        count = 0;
        for (int i = 0; i < state.sock_count; i++)
            if (state.socks[i].lane == lane)
                fill((DWORD *)table + 1, count++, &state.socks[i]);
    }
    *size = needed;
    state_close(&state);
    return (DWORD)code;
}

DWORD WINAPI GetExtendedTcpTable(PVOID pTcpTable, PDWORD pdwSize, WINBOOL bOrder, ULONG ulAf,
                                 TCP_TABLE_CLASS TableClass, ULONG Reserved)
{
    (void)bOrder, (void)Reserved;
    if (!pdwSize || (ulAf != AF_INET && ulAf != AF_INET6))
        return ERROR_INVALID_PARAMETER;
    if (TableClass != TCP_TABLE_OWNER_PID_ALL && TableClass != TCP_TABLE_OWNER_PID_LISTENER)
        return ERROR_NOT_SUPPORTED;
    return sockets(pTcpTable, pdwSize, ulAf == AF_INET ? TCP4 : TCP6);
}

DWORD WINAPI GetExtendedUdpTable(PVOID pUdpTable, PDWORD pdwSize, WINBOOL bOrder, ULONG ulAf,
                                 UDP_TABLE_CLASS TableClass, ULONG Reserved)
{
    (void)bOrder, (void)Reserved;
    if (!pdwSize || (ulAf != AF_INET && ulAf != AF_INET6))
        return ERROR_INVALID_PARAMETER;
    if (TableClass != UDP_TABLE_OWNER_PID)
        return ERROR_NOT_SUPPORTED;
    return sockets(pUdpTable, pdwSize, ulAf == AF_INET ? UDP4 : UDP6);
}
