// hivectl: global memory for a guest's shell scripts.
#include <iostream>

#include "guests/ctl/commands.h"

int main(int argc, char** argv) {
  std::ios::sync_with_stdio(false);
  std::cin.tie(nullptr);
  hive::ctl::Session session(std::cin, std::cout, std::cerr, {});
  return hive::ctl::run(argc, argv, session);
}
