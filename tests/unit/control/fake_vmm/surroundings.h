// What the scripted VMM finds in its process.
#pragma once

#include <dirent.h>
#include <unistd.h>

#include <cstdlib>
#include <set>
#include <string>

/// "descriptors" and the numbers of those that are open.
inline std::string list_descriptors() {
  std::set<int> fds;
  DIR* folder = ::opendir("/proc/self/fd");
  while (const dirent* entry = ::readdir(folder)) {
    if (entry->d_name[0] != '.') fds.insert(std::atoi(entry->d_name));
  }
  fds.erase(::dirfd(folder));
  ::closedir(folder);
  std::string list = "descriptors";
  for (const int fd : fds) list += " " + std::to_string(fd);
  return list;
}

/// "environment" and all variables but those of sanitizers.
inline std::string list_environment() {
  std::string list = "environment";
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string text(*entry);
    if (text.find("SAN_OPTIONS=") == std::string::npos) list += " " + text;
  }
  return list;
}
