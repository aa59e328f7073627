/* Usage: hive-counter serve [SECONDS] | read HOME
 *
 * One cell counts seconds where every cell can read them, and the others read with care.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "guests/sdk/hive.h"

#define COUNTER_TAG 0x544e4f43u /* "CONT" in memory */
#define COUNTER_SECTION "counter"

struct counter {
  uint64_t seconds;
  char writer[HIVE_NAME_SIZE];
};

static int failed(const char* what) {
  fprintf(stderr, "hive-counter: %s: %s\n", what, hive_last_message());
  return 1;
}

/* The section of this name, new or from an earlier run. */
static enum hive_status get_section(hive_machine* machine, uint32_t cell,
                                    struct hive_section* section) {
  enum hive_status status = hive_section_create(machine, COUNTER_SECTION, 1, section);
  if (status == HIVE_NAME_TAKEN) {
    status = hive_section_find(machine, cell, COUNTER_SECTION, section);
  }
  return status;
}

static int serve(hive_machine* machine, unsigned seconds) {
  struct hive_machine_info info;
  struct hive_section section;
  struct hive_page page;
  struct hive_cell cell;
  hive_get_info(machine, &info);
  if (get_section(machine, info.cell, &section) != HIVE_OK) return failed("no section");
  if (hive_get_page(machine, section.home, &section, 0, &page) != HIVE_OK) return failed("no page");
  if (hive_get_cell(machine, info.cell, &cell) != HIVE_OK) return failed("this cell has no name");
  struct counter counter = {0, ""};
  memcpy(counter.writer, cell.name, sizeof counter.writer);
  for (; counter.seconds < seconds; ++counter.seconds) {
    if (hive_careful_publish(machine, section.home, section.first * 4096, COUNTER_TAG,
                             page.generation, &counter, sizeof counter) != HIVE_OK) {
      return failed("cannot publish");
    }
    sleep(1);
  }
  return 0;
}

static int read_from(hive_machine* machine, uint32_t home) {
  struct hive_section section;
  struct hive_page page;
  struct counter counter;
  struct hive_object object;
  if (hive_section_find(machine, home, COUNTER_SECTION, &section) != HIVE_OK) {
    return failed("no section");
  }
  if (hive_get_page(machine, home, &section, 0, &page) != HIVE_OK) return failed("no page");
  if (hive_careful_read(machine, home, section.first * 4096, COUNTER_TAG, page.generation, &counter,
                        sizeof counter, &object) != HIVE_OK) {
    return failed("cannot read");
  }
  if (object.length != sizeof counter) {
    fprintf(stderr, "hive-counter: that counter is of another version\n");
    return 1;
  }
  counter.writer[sizeof counter.writer - 1] = '\0';
  printf("%s has counted %llu s\n", counter.writer, (unsigned long long)counter.seconds);
  return 0;
}

int main(int argc, char** argv) {
  const int serves = argc >= 2 && strcmp(argv[1], "serve") == 0;
  if (!serves && (argc != 3 || strcmp(argv[1], "read") != 0)) {
    fprintf(stderr, "usage: hive-counter serve [SECONDS] | read HOME\n");
    return 2;
  }
  const unsigned long number = argc > 2 ? strtoul(argv[2], NULL, 10) : 60;
  hive_machine* machine = NULL;
  if (hive_open(NULL, &machine) != HIVE_OK) return failed("no global memory");
  const int status =
      serves ? serve(machine, (unsigned)number) : read_from(machine, (uint32_t)number);
  hive_close(machine);
  return status;
}
