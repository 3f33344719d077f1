"""What netsh prints, made up: tables in ten languages, in OEM code pages and in Unicode."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from reconciler.host.interface import Row
from reconciler.ports import PortRange


class Language(NamedTuple):
    """The words of a table, the two lines of a dynamic range, and the code page of a console there."""

    code_page: str
    title: str
    head: str
    rule: str
    legend: str
    dynamic: tuple[str, str]


_RULE = "----------    --------"
LANGUAGES = {
    "en": Language(
        "cp437",
        "Protocol tcp Port Exclusion Ranges",
        "Start Port    End Port",
        _RULE,
        "* - Administered port exclusions.",
        ("Start Port      : ", "Number of Ports : "),
    ),
    "fr": Language(
        "cp850",
        "Protocole tcp Plages d'exclusion de ports",
        "Port de début    Port de fin",
        "-------------    -----------",
        "* - Exclusions de ports administrés.",
        ("Port de démarrage   : ", "Nombre de ports     : "),
    ),
    "de": Language(
        "cp850",
        'Portausschlussbereiche für das Protokoll "tcp"',
        "Startport      Endport",
        _RULE,
        "* - Verwaltete Portausschlüsse.",
        ("Startport        : ", "Anzahl von Ports : "),
    ),
    "es": Language(
        "cp850",
        "Protocolo tcp Intervalos de exclusión de puertos",
        "Puerto de inicio    Puerto final",
        "----------          --------",
        "* - Exclusiones de puertos administrados.",
        ("Puerto de inicio   : ", "Número de puertos  : "),
    ),
    "pt": Language(
        "cp850",
        "Protocolo tcp Intervalos de Exclusão de Porta",
        "Porta Inicial    Porta Final",
        _RULE,
        "* - Exclusões de porta administradas.",
        ("Porta Inicial     : ", "Número de Portas  : "),
    ),
    "ru": Language(
        "cp866",
        "Протокол tcp Диапазоны исключения портов",
        "Начальный порт    Конечный порт",
        _RULE,
        "* — управляемые исключения портов.",
        ("Начальный порт      : ", "Число портов : "),
    ),
    "ko": Language(
        "cp949",
        "프로토콜 tcp 포트 제외 범위",
        "시작 포트    끝 포트",
        _RULE,
        "* - 관리 포트 제외입니다.",
        ("시작 포트      : ", "포트 수 : "),
    ),
    "zh-CN": Language(
        "cp936",
        "协议 tcp 端口排除范围",
        "开始端口    结束端口",
        _RULE,
        "* - 管理的端口排除。",
        ("启动端口        : ", "端口数          : "),
    ),
    "zh-TW": Language(
        "cp950",
        "通訊協定 tcp 連接埠排除範圍",
        "開始連接埠    結束連接埠",
        "----------    ----------",
        "* - 管理的連接埠排除。",
        ("啟動連接埠      : ", "連接埠數目      : "),
    ),
    "ja": Language(
        "cp932",
        "プロトコル tcp ポート除外範囲",
        "開始ポート    終了ポート",
        _RULE,
        "* - 管理されたポート除外。",
        ("開始ポート      : ", "ポート数        : "),
    ),
}
UNICODE = ("utf-8", "utf-8-sig", "utf-16")
ENCODINGS = ("console", *UNICODE)
LINE_ENDS = ("\n", "\r\n", "\r\r\n")


def table(language: Language, rows: Iterable[Row]) -> list[str]:
    """The lines of one listing."""
    printed = [f"{row.ports.first:>10}  {row.ports.last:>10}{'     *' if row.administered else ''}" for row in rows]
    return ["", language.title, "", language.head, language.rule, *printed, "", language.legend, ""]


def dynamic(language: Language, ports: PortRange) -> list[str]:
    """The lines of one dynamic range."""
    start, count = language.dynamic
    return ["", language.title, "-" * 33, f"{start}{ports.first}", f"{count}{ports.count}", ""]


def encoded(language: Language, text: str, encoding: str) -> bytes:
    """The text as bytes; `console` is the code page of a console there, which may lack a sign."""
    return text.encode(language.code_page, "replace") if encoding == "console" else text.encode(encoding)
