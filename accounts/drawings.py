"""The house's line drawings: icons on a 24-unit grid, institution marks on a 36-unit one.

Each value is the inside of an `<svg>`, trusted markup without styles or identifiers.
"""

from typing import Final

ICONS: Final = {
    "alert": '<path d="M12 3L2 20.5h20L12 3z"/><path d="M12 10v4.5M12 17.6v.1"/>',
    "arrow": '<path d="M5 12h14M13 6l6 6-6 6"/>',
    "back": '<path d="M14 5l-7 7 7 7"/>',
    "bulb": '<path d="M9 18h6M10 21h4M8.5 15c-2-1.3-3-3.2-3-5.3A6.5 6.5 0 0112 3.2a6.5 6.5 0 016.5 6.5'
    'c0 2.1-1 4-3 5.3z"/>',
    "calendar": '<rect x="3.5" y="5" width="17" height="15.5" rx="2"/><path d="M3.5 10h17M8 2.8v4M16 2.8v4"/>',
    "camera": '<path d="M3 8h4l2-3h6l2 3h4v11.5H3z"/><circle cx="12" cy="13.5" r="3.5"/>',
    "chart": '<path d="M4 20V4M4 20h16M8 16v-4M13 16V8M18 16v-6"/>',
    "chat": '<path d="M4 4.5h16v11.5H10l-4.5 4v-4H4z"/>',
    "check": '<path d="M4 12.5l5 5L20 6.5"/>',
    "clock": '<circle cx="12" cy="12" r="9"/><path d="M12 7v5.5l3.5 2"/>',
    "close": '<path d="M6 6l12 12M18 6L6 18"/>',
    "down": '<path d="M5 9l7 7 7-7"/>',
    "download": '<path d="M12 4v12M6 11l6 6 6-6M5 21h14"/>',
    "edit": '<path d="M4 20l1-4.5L16.5 4l3.5 3.5L8.5 19z"/><path d="M14 6.5l3.5 3.5"/>',
    "file": '<path d="M6 3h8l4 4v14H6z"/><path d="M14 3v4h4"/>',
    "gear": '<circle cx="12" cy="12" r="3.2"/><path d="M12 3v3M12 18v3M3 12h3M18 12h3M5.6 5.6l2.2 2.2'
    'M16.2 16.2l2.2 2.2M18.4 5.6l-2.2 2.2M7.8 16.2l-2.2 2.2"/>',
    "home": '<path d="M4 11l8-7 8 7v9h-5v-6H9v6H4z"/>',
    "inbox": '<path d="M4 13l3-8h10l3 8v6H4z"/><path d="M4 13h5l1.5 2.5h3L15 13h5"/>',
    "info": '<circle cx="12" cy="12" r="9"/><path d="M12 11v5.5M12 7.6v.1"/>',
    "leaf": '<path d="M5 19C4 10 9 4.5 20 4.5 20 15 15 20 7 17.5"/><path d="M4 21c2-5 5.5-8.5 10-10.5"/>',
    "lock": '<rect x="5" y="10.5" width="14" height="10" rx="2"/><path d="M8 10.5V8a4 4 0 018 0v2.5"/>',
    "mail": '<rect x="3" y="5.5" width="18" height="13.5" rx="2"/><path d="M4 7.5l8 6 8-6"/>',
    "money": '<rect x="3" y="6" width="18" height="12" rx="2"/><circle cx="12" cy="12" r="2.5"/>',
    "next": '<path d="M10 5l7 7-7 7"/>',
    "out": '<path d="M14 4H5v16h9M10 12h10M16.5 8l4 4-4 4"/>',
    "people": '<circle cx="9" cy="8" r="3.5"/><path d="M2.5 20c.5-4 3-6 6.5-6s6 2 6.5 6M16 5a3.5 3.5 0 010 6.5'
    'M18 14.5c2 .8 3.2 2.7 3.5 5.5"/>',
    "person": '<circle cx="12" cy="8" r="4"/><path d="M4 20.5c.6-4.5 3.6-7 8-7s7.4 2.5 8 7"/>',
    "phone": '<path d="M5 4h4l1.5 5L8 10.5c1 2.5 3 4.5 5.5 5.5L15 13.5l5 1.5v4c0 .6-.4 1-1 1C11 20 4 13 4 5'
    'c0-.6.4-1 1-1z"/>',
    "plus": '<path d="M12 5v14M5 12h14"/>',
    "print": '<path d="M7 8V3.5h10V8M7 17H4V8h16v9h-3"/><path d="M7 14h10v6.5H7z"/>',
    "search": '<circle cx="10.5" cy="10.5" r="6.5"/><path d="M15.5 15.5L21 21"/>',
    "shield": '<path d="M12 3l8 3v6c0 5-3.5 8-8 9-4.5-1-8-4-8-9V6z"/><path d="M8.5 12l2.5 2.5 4.5-5"/>',
    "store": '<path d="M4 9.5h16l-1.5-5h-13zM5.5 9.5V20h13V9.5M10 20v-5.5h4V20"/>',
    "upload": '<path d="M12 17V5M6 10l6-6 6 6M5 21h14"/>',
}

MARKS: Final = {
    "ayni": '<path class="mark-line" d="M8 21.5c0-6 4.5-10 10-10s10 4 10 10M12.5 24.5l5.5-5.5 5.5 5.5"/>',
    "sprout": '<path class="mark-fg" d="M18 6c2.5 3.5 2.5 7 0 10.5-2.5-3.5-2.5-7 0-10.5zM8 13.5c4.3-.4 7.3 1.3'
    ' 9 5-4.2.5-7.2-1.2-9-5zM28 13.5c-4.3-.4-7.3 1.3-9 5 4.2.5 7.2-1.2 9-5zM17 20h2v10h-2z"/>',
    "people": '<path class="mark-fg" d="M12.5 9a3.5 3.5 0 110 7 3.5 3.5 0 010-7zM23.5 9a3.5 3.5 0 110 7 3.5'
    " 3.5 0 010-7zM6 27c.6-6 3-8.5 6.5-8.5 2.4 0 4.2 1.1 5.5 3.4 1.3-2.3 3.1-3.4 5.5-3.4 3.5 0"
    ' 5.9 2.5 6.5 8.5z"/>',
    "mountain": '<path class="mark-fg" d="M5.5 27L14 13l4 6 4.5-8L31 27zM25.5 6.5a2.5 2.5 0 110 5 2.5 2.5 0 010-5z"/>',
    "weave": '<path class="mark-fg" d="M18 5l5 5-5 5-5-5zM9.5 13.5l4.5 4.5-4.5 4.5L5 18zM26.5 13.5L31 18l-4.5 4.5'
    'L22 18zM18 21l5 5-5 5-5-5zM18 16l2 2-2 2-2-2z"/>',
    "sun": '<circle class="mark-fg" cx="18" cy="18" r="5.5"/><path class="mark-line" d="M18 6.5v3M18 26.5v3M6.5 18h3'
    'M26.5 18h3M9.9 9.9l2.1 2.1M24 24l2.1 2.1M26.1 9.9L24 12M12 24l-2.1 2.1"/>',
}
