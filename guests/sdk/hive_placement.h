/* libhive: where sections are. docs/placement.md explains it. Beside hive.h, whose rules for
 * results and threads hold here as well.
 */
#ifndef HIVE_GUESTS_SDK_HIVE_PLACEMENT_H
#define HIVE_GUESTS_SDK_HIVE_PLACEMENT_H

#include "guests/sdk/hive.h"

/* NOLINTBEGIN(readability-identifier-naming): names as C has them */

#ifdef __cplusplus
extern "C" {
#endif

#define HIVE_MOVABLE 2u /* it may be moved to another home */

/* Makes a section of HOME's contribution, which this cell may write, grant and destroy then as if
 * it were its own: HIVE_NO_SPACE where HOME has no room for it, HIVE_NOT_HOME where it makes none
 * for others. With HIVE_ANY_HOME the home that Wax advises, or else this cell. FLAGS is 0 or
 * HIVE_MOVABLE. */
enum hive_status hive_section_create_at(hive_machine* machine, uint32_t home, const char* name,
                                        uint64_t pages, uint32_t flags,
                                        struct hive_section* section);

/* This program has used SECTION COUNT times more, by whatever measure all programs of the machine
 * share: Wax goes by that. Cheap: the cell's monitor is told once a second at most for each
 * section, by the call that is made then. What no later call comes for is not told. No home is
 * asked: a section that has moved is not said to have. */
enum hive_status hive_section_used(hive_machine* machine, const struct hive_section* section,
                                   uint64_t count);

#ifdef __cplusplus
}
#endif

/* NOLINTEND(readability-identifier-naming) */

#endif
