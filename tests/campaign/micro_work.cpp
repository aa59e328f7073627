// micro_work CELLS INDEX RAM SHARED SEED PAGES
//
// Prints the micro guest's module of guest INDEX (from 0) of CELLS that perform the workload of
// fault campaigns (guests/abi/micro_work.h): in RAM of that size, such as 16MiB, with contributions
// to global memory of SHARED each (0B: none), SEED for the first guest, and PAGES private pages.
#include <cstdio>
#include <cstdlib>

#include "guests/abi/micro_script.h"
#include "tests/campaign/work_machine.h"
#include "vmm/base/units.h"

int main(int argc, char** argv) {
  using namespace hive;
  constexpr int kArguments = 7;
  if (argc != kArguments) {
    std::fputs("usage: micro_work CELLS INDEX RAM SHARED SEED PAGES\n", stderr);
    return 2;
  }
  const auto number = [&](int place) { return std::strtoull(argv[place], nullptr, 10); };
  const auto ram = parse_size(argv[3]);
  const auto shared = parse_size(argv[4]);
  if (!ram || !shared || number(1) == 0 || number(2) >= number(1)) {
    std::fputs("micro_work: sizes such as 16MiB, and an INDEX below CELLS, are needed\n", stderr);
    return 2;
  }
  const auto module = micro::make_module(
      {test::work_script(number(1), number(2), *ram, *shared, number(5), number(6))});
  return std::fwrite(module.data(), 1, module.size(), stdout) == module.size() ? 0 : 1;
}
