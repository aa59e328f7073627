/* SIPS: short messages of 128 bytes between cells, reliable and in order for each sender and
 * receiver, with one doorbell at most.
 *
 * A cell that sends to port P or receives from it has a section "sips.P" of its own, and says where
 * in its system area (guests/abi/system_area.h). The section has a page of credits, one for each
 * cell that may send, and then two pages with a ring for each cell that may receive: channels as in
 * guests/abi/channel.h. Who receives waits for the word at the start of its own section, which
 * never changes: it is only a name.
 */
#ifndef HIVE_GUESTS_ABI_SIPS_H
#define HIVE_GUESTS_ABI_SIPS_H

#include "guests/abi/channel.h"
#include "guests/abi/global_memory.h"

#define HIVE_SIPS_MESSAGE_SIZE 128u
#define HIVE_SIPS_NAME "sips." /* the port's number follows, in decimal */
#define HIVE_SIPS_RING_PAGES 2u
#define HIVE_SIPS_RING_CAPACITY 4096u /* bytes: 28 messages */

/* Offsets within the section, in bytes. */
#define HIVE_SIPS_CREDIT(sender) ((uint64_t)(sender) * sizeof(struct hive_channel_credit))
#define HIVE_SIPS_RING(receiver) \
  ((uint64_t)HIVE_GLOBAL_PAGE_SIZE * (1u + HIVE_SIPS_RING_PAGES * (uint64_t)(receiver)))
#define HIVE_SIPS_PAGES(cells) (1u + HIVE_SIPS_RING_PAGES * (uint64_t)(cells))

#endif
