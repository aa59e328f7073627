/* Numbers that assembly and C++ of guests on bare metal share. */
#ifndef HIVE_GUESTS_BARE_LAYOUT_H
#define HIVE_GUESTS_BARE_LAYOUT_H

#define BARE_CODE_SELECTOR 0x8

#endif
