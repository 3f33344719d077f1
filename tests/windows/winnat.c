/* Stand-in for the service "winnat": a real service of Wine's service manager. It draws its blocks when it starts and
   gives them up when it stops, as WinNAT does (facts 6.2).

     winnat.exe                                what the service manager starts
     winnat.exe arrange running|stopped|absent makes the service be that, and leaves the rows of the state alone

   It proves the calls to the service manager (OpenService, ControlService, StartService, QueryServiceStatus) and that
   waiting for a pending state works. It cannot prove rights: Wine's manager refuses nobody. Since the manager starts
   it without a test's environment, the path of the state is the value "State" of HKLM\Software\PortStandin.
   Faults: `start busy` = the start ends with error 32 (facts 6.7), `start hang`, `stop hang` = pending for ever. */

#include <windows.h>

#include <stdio.h>
#include <string.h>

#include "standin.h"

#define STOP_EVENT "Global\\port-standin-winnat-stop"

enum { HUNG = -1 };

static SERVICE_STATUS_HANDLE reporter;
static HANDLE stopping;

static void report(DWORD now, DWORD error)
{
    SERVICE_STATUS status = {
        .dwServiceType = SERVICE_WIN32_OWN_PROCESS,
        .dwCurrentState = now,
        .dwControlsAccepted = now == SERVICE_RUNNING ? SERVICE_ACCEPT_STOP : 0,
        .dwWin32ExitCode = error,
    };
    SetServiceStatus(reporter, &status);
}

static void find_state(void)
{
    char path[MAX_PATH * 2];
    DWORD size = sizeof path;
    if (!RegGetValueA(HKEY_LOCAL_MACHINE, "Software\\PortStandin", "State", RRF_RT_REG_SZ, NULL, path, &size))
        SetEnvironmentVariableA("PORT_STANDIN_STATE", path);
}

/* Start or stop as WinNAT does it. The error to end with, or HUNG. */
static int change(int running)
{
    struct state state;
    int fault, code;
    find_state();
    if ((code = state_open(&state)) != 0)
        return code;
    fault = take_fault(&state, running ? "start" : "stop");
    if (fault == NO_FAULT)
        running ? winnat_start(&state) : winnat_stop(&state);
    state_log("winnat\t%s", running ? "start" : "stop");
    state_close(&state);
    return fault == HANG ? HUNG : fault == NO_FAULT ? DONE : IN_USE;
}

static DWORD WINAPI control(DWORD code, DWORD type, LPVOID data, LPVOID context)
{
    (void)type, (void)data, (void)context;
    if (code == SERVICE_CONTROL_STOP) {
        report(SERVICE_STOP_PENDING, NO_ERROR);
        if (change(0) != HUNG)
            SetEvent(stopping);
    }
    return NO_ERROR;
}

static void WINAPI serve(DWORD count, LPSTR *words)
{
    int code = DONE;
    stopping = CreateEventA(NULL, FALSE, FALSE, STOP_EVENT);
    reporter = RegisterServiceCtrlHandlerExA("winnat", control, NULL);
    report(SERVICE_START_PENDING, NO_ERROR);
    if (count < 2 || strcmp(words[1], "quietly"))
        code = change(1);
    if (code == DONE)
        report(SERVICE_RUNNING, NO_ERROR);
    if (code == DONE || code == HUNG)
        WaitForSingleObject(stopping, INFINITE);
    report(SERVICE_STOPPED, code > 0 ? (DWORD)code : NO_ERROR);
}

/* Wait until the service is in this state. 0 if it does not get there within thirty seconds. */
static int wait_for(SC_HANDLE service, DWORD wanted)
{
    SERVICE_STATUS status;
    for (int i = 0; i < 3000; i++, Sleep(10))
        if (QueryServiceStatus(service, &status) && status.dwCurrentState == wanted)
            return 1;
    return 0;
}

/* A service that is starting or stopping takes no control code, so this goes past the service manager. */
static int stop_quietly(SC_HANDLE service)
{
    HANDLE event = OpenEventA(EVENT_MODIFY_STATE, FALSE, STOP_EVENT);
    SetEvent(event);
    CloseHandle(event);
    return wait_for(service, SERVICE_STOPPED);
}

static SC_HANDLE open_or_make(SC_HANDLE manager, int make)
{
    char path[MAX_PATH];
    SC_HANDLE service = OpenServiceA(manager, "winnat", SERVICE_ALL_ACCESS);
    GetModuleFileNameA(NULL, path, sizeof path);
    if (service || !make)
        return service;
    return CreateServiceA(manager, "winnat", "Windows NAT Driver", SERVICE_ALL_ACCESS, SERVICE_WIN32_OWN_PROCESS,
                          SERVICE_DEMAND_START, SERVICE_ERROR_NORMAL, path, NULL, NULL, NULL, NULL, NULL);
}

static int arrange(const char *wanted)
{
    const char *quietly[] = {"quietly"};
    DWORD should = strcmp(wanted, "running") ? SERVICE_STOPPED : SERVICE_RUNNING;
    SERVICE_STATUS status;
    SC_HANDLE manager = OpenSCManagerA(NULL, NULL, SC_MANAGER_ALL_ACCESS);
    SC_HANDLE service = open_or_make(manager, strcmp(wanted, "absent"));
    if (!service)
        return strcmp(wanted, "absent") != 0;
    QueryServiceStatus(service, &status);
    if (status.dwCurrentState != should && status.dwCurrentState != SERVICE_STOPPED && !stop_quietly(service))
        return 3;
    if (status.dwCurrentState != should && should == SERVICE_RUNNING &&
        (!StartServiceA(service, 1, quietly) || !wait_for(service, SERVICE_RUNNING)))
        return 4;
    if (!strcmp(wanted, "absent") && !DeleteService(service))
        return 5;
    CloseServiceHandle(service);
    CloseServiceHandle(manager);
    return 0;
}

int main(int count, char **words)
{
    SERVICE_TABLE_ENTRYA table[] = {{"winnat", serve}, {NULL, NULL}};
    if (count == 3 && !strcmp(words[1], "arrange"))
        return arrange(words[2]);
    return StartServiceCtrlDispatcherA(table) ? 0 : 1;
}
