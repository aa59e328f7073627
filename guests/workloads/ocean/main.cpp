#include <iostream>

#include "guests/workloads/programs.h"

int main(int argc, char** argv) {
  return hive::workloads::run_ocean(argc, argv, std::cout, std::cerr, {});
}
