/* netsh's words in ten display languages. This file is UTF-8; what leaves netsh.exe is the OEM code page of the
   language, as on a real console or pipe.

   Listings (title, header, rule, legend): as captured on real hosts, but Japanese, for which no capture was found.
   Ranges: captured for English, French, Russian, Chinese and Japanese, made up for the others. Messages: English and
   Simplified Chinese as captured, "Ok." in Korean and Chinese as reported; all others are translations that may differ
   from Microsoft's. A program that depends on any of these words is wrong. */

#include <windows.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "standin.h"

#define RULE "----------    --------"

static const struct language LANGUAGES[] = {
    {"en", 437, "Protocol %s Port Exclusion Ranges", "Start Port    End Port      ", RULE "      ",
     "* - Administered port exclusions.", "Protocol %s Dynamic Port Range", "Start Port      : ", "Number of Ports : ",
     "Ok.", "The process cannot access the file because it is being used by another process.", "Access is denied.",
     "The requested operation requires elevation (Run as administrator).", "Element not found.",
     "The parameter is incorrect.", "The object already exists."},
    {"de", 850, "Portausschlussbereiche für das Protokoll \"%s\"", "Startport      Endport", RULE,
     "* - Verwaltete Portausschlüsse.", "Dynamischer Portbereich für das Protokoll \"%s\"", "Startport       : ",
     "Anzahl der Ports : ", "OK.",
     "Der Prozess kann nicht auf die Datei zugreifen, da sie von einem anderen Prozess verwendet wird.",
     "Zugriff verweigert", "Der angeforderte Vorgang erfordert erhöhte Rechte (als Administrator ausführen).",
     "Element nicht gefunden.", "Falscher Parameter.", "Das Objekt ist bereits vorhanden."},
    {"fr", 850, "Protocole %s Plages d’exclusion de ports", "Port de début    Port de fin", "-------------    -----------",
     "* - Exclusions de ports administrés.", "Plage de ports dynamique du protocole %s", "Port de démarrage   : ",
     "Nombre de ports     : ", "Ok.",
     "Le processus ne peut pas accéder au fichier car ce fichier est utilisé par un autre processus.", "Accès refusé.",
     "L’opération demandée nécessite une élévation (exécuter en tant qu’administrateur).", "Élément introuvable.",
     "Paramètre incorrect.", "L’objet existe déjà."},
    {"es", 850, "Protocolo %s Intervalos de exclusión de puertos", "Puerto de inicio    Puerto final",
     "----------          --------", "* - Exclusiones de puertos administrados.",
     "Protocolo %s Intervalo de puertos dinámicos", "Puerto de inicio    : ", "Número de puertos   : ", "Aceptar",
     "El proceso no tiene acceso al archivo porque está siendo utilizado por otro proceso.", "Acceso denegado.",
     "La operación solicitada requiere elevación (ejecutar como administrador).", "No se ha encontrado el elemento.",
     "El parámetro no es correcto.", "El objeto ya existe."},
    {"pt-BR", 850, "Protocolo %s Intervalos de Exclusão de Porta", "Porta Inicial    Porta Final", RULE,
     "* - Exclusões de porta administradas.", "Protocolo %s Intervalo de Portas Dinâmicas", "Porta Inicial     : ",
     "Número de Portas  : ", "Ok.",
     "O arquivo já está sendo usado por outro processo e não pode ser acessado.", "Acesso negado.",
     "A operação solicitada requer elevação (executar como administrador).", "Elemento não encontrado.",
     "Parâmetro incorreto.", "O objeto já existe."},
    {"ru", 866, "Протокол %s Диапазоны исключения портов", "Начальный порт    Конечный порт", RULE,
     "* — управляемые исключения портов.", "Протокол %s Динамический диапазон портов", "Начальный порт      : ",
     "Число портов : ", "ОК.",
     "Процесс не может получить доступ к файлу, так как этот файл занят другим процессом.", "Отказано в доступе.",
     "Запрошенная операция требует повышения (запуск от имени администратора).", "Элемент не найден.",
     "Параметр задан неверно.", "Объект уже существует."},
    {"ko", 949, "프로토콜 %s 포트 제외 범위", "시작 포트    끝 포트      ", RULE "      ", "* - 관리 포트 제외입니다.",
     "프로토콜 %s 동적 포트 범위", "시작 포트      : ", "포트 수        : ", "확인됨",
     "다른 프로세스가 파일을 사용 중이기 때문에 프로세스가 액세스 할 수 없습니다.", "액세스가 거부되었습니다.",
     "요청한 작업을 수행하려면 권한 상승이 필요합니다.", "요소가 없습니다.", "매개 변수가 틀립니다.", "개체가 이미 있습니다."},
    {"zh-CN", 936, "协议 %s 端口排除范围", "开始端口    结束端口", RULE, "* - 管理的端口排除。", "协议 %s 动态端口范围",
     "启动端口        : ", "端口数          : ", "确定。", "另一个程序正在使用此文件，进程无法访问。", "拒绝访问。",
     "请求的操作需要提升(作为管理员运行)。", "找不到元素。", "参数错误。", "对象已存在。"},
    {"zh-TW", 950, "通訊協定 %s 連接埠排除範圍", "開始連接埠    結束連接埠", "----------    ----------",
     "* - 管理的連接埠排除。", "通訊協定 %s 動態連接埠範圍", "開始連接埠      : ", "連接埠數目      : ", "確定。",
     "程序無法存取檔案，因為檔案正由另一個程序使用。", "存取被拒。", "要求的作業需要提高權限(以系統管理員身分執行)。",
     "找不到元素。", "參數錯誤。", "物件已經存在。"},
    {"ja", 932, "プロトコル %s ポート除外範囲", "開始ポート    終了ポート", RULE, "* - 管理されたポート除外。",
     "プロトコル %s の動的ポートの範囲", "開始ポート      : ", "ポート数        : ", "OK",
     "プロセスはファイルにアクセスできません。別のプロセスが使用中です。", "アクセスが拒否されました。",
     "要求された操作には管理者特権が必要です。", "要素が見つかりません。", "パラメーターが間違っています。", "オブジェクトは既に存在します。"},
};

const struct language *language_named(const char *name)
{
    for (size_t i = 0; i < sizeof LANGUAGES / sizeof *LANGUAGES; i++)
        if (!strcmp(LANGUAGES[i].name, name))
            return &LANGUAGES[i];
    fprintf(stderr, "stand-in: it does not speak %s\n", name);
    exit(99);
}

const char *message_of(const struct language *language, int code)
{
    switch (code) {
    case DONE: return language->ok;
    case DENIED: return language->denied;
    case IN_USE: return language->in_use;
    case ELEVATION: return language->elevation;
    case NOT_FOUND: return language->not_found;
    case EXISTS: return language->exists;
    default: return language->invalid;
    }
}

/* The bytes of a text in a code page. A character that it lacks becomes what Windows thinks nearest, as on Windows. */
size_t encode(const char *utf8, unsigned code_page, char *bytes, size_t room)
{
    int length = MultiByteToWideChar(CP_UTF8, 0, utf8, -1, NULL, 0);
    wchar_t *wide = malloc(length * sizeof *wide);
    int made;
    MultiByteToWideChar(CP_UTF8, 0, utf8, -1, wide, length);
    made = WideCharToMultiByte(code_page, 0, wide, length - 1, bytes, (int)room, NULL, NULL);
    free(wide);
    if (!made && length > 1) {
        fprintf(stderr, "stand-in: code page %u is missing\n", code_page);
        exit(99);
    }
    return (size_t)made;
}
