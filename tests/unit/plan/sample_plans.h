// Plan files of the tree, and plans made at random.
#pragma once

#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <random>
#include <string>
#include <vector>

#include "vmm/plan/document.h"

namespace hive::plan::testing {

inline std::string read_file(const std::filesystem::path& path) {
  std::ifstream stream(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
}

/// The files of FOLDER, below the source tree, whose names end in .yaml.
inline std::vector<std::filesystem::path> yaml_files(const std::string& folder) {
  std::vector<std::filesystem::path> found;
  for (const auto& entry :
       std::filesystem::directory_iterator(std::filesystem::path(HIVE_SOURCE_DIR) / folder)) {
    if (entry.path().extension() == ".yaml") found.push_back(entry.path());
  }
  return found;
}

/// A document as the editor's validator sees it, by the core schema of YAML 1.2 as far as plans
/// need it.
inline nlohmann::json to_json(const YamlNode& node) {
  using Json = nlohmann::json;
  if (node.kind == YamlNode::Kind::kNull) return nullptr;
  if (node.kind == YamlNode::Kind::kList) {
    Json list = Json::array();
    for (const YamlNode& item : node.items) list.push_back(to_json(item));
    return list;
  }
  if (node.kind == YamlNode::Kind::kMapping) {
    Json mapping = Json::object();
    for (const Entry& entry : node.entries) mapping[entry.key] = to_json(entry.value);
    return mapping;
  }
  if (!node.quoted && (node.text == "true" || node.text == "false")) return node.text == "true";
  const bool digits = !node.text.empty() && node.text.size() < 19 &&
                      node.text.find_first_not_of("0123456789") == std::string::npos;
  if (!node.quoted && digits) return std::stoull(node.text);
  return node.text;
}

/// Makes random edits of a text: bytes changed, removed, repeated, swapped, words of a plan put in.
class Editor {
 public:
  explicit Editor(unsigned seed) : random_(seed) {}

  std::string edit(std::string text) {
    for (std::size_t edits = 1 + below(4); edits > 0; --edits) apply_one(text);
    return text;
  }

 private:
  std::size_t below(std::size_t bound) { return random_() % bound; }

  void apply_one(std::string& text) {
    static const std::vector<std::string> kPieces = {"[",        "]",
                                                     "{",        "}",
                                                     ": ",       ", ",
                                                     "- ",       "\n",
                                                     "\n  ",     "'",
                                                     "\"",       "#",
                                                     "&a ",      "*a",
                                                     "!x ",      "|",
                                                     ">",        "? ",
                                                     "~",        "---\n",
                                                     "0",        "64",
                                                     "-1",       "true",
                                                     "no",       "1MB",
                                                     "2MiB",     "memory",
                                                     "name",     "cells",
                                                     "disks",    "a.img",
                                                     "cid",      "\t",
                                                     "\xff",     "0-3",
                                                     "[4]",      "debian",
                                                     "none",     "4294967296",
                                                     "path",     "machine",
                                                     "16MiB",    "shared",
                                                     "firewall", "on_violation",
                                                     "discard",  "on_failure",
                                                     "reboot",   "stop",
                                                     "ignore",   "{}",
                                                     "rpc",      "vsock",
                                                     "port",     "listen",
                                                     "from",     "to",
                                                     "calls",    "packets_per_second",
                                                     "faults",   "enabled",
                                                     "watchdog", "10s",
                                                     "none",     "cpu_weight"};
    const std::size_t at = below(text.size() + 1);
    const std::size_t length = below(12);
    switch (below(5)) {
      case 0:
        text.insert(at, kPieces[below(kPieces.size())]);
        break;
      case 1:
        text.erase(at, length);
        break;
      case 2:
        text.insert(below(text.size() + 1), text.substr(at, length * 8));
        break;
      case 3:
        if (at < text.size()) text[at] = static_cast<char>(below(256));
        break;
      default:
        text.replace(at, std::min(length, text.size() - at), kPieces[below(kPieces.size())]);
    }
  }

  std::mt19937 random_;
};

}  // namespace hive::plan::testing
