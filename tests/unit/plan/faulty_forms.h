// Plans that are wrong by their form alone: a key that is unknown or missing, a value of a type
// that the key does not take. They follow from the table of keys, so that a new key is covered,
// too.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "vmm/plan/keys.h"

namespace hive::plan::testing {

using Form = nlohmann::ordered_json;

/// A plan with every key, each with a value that is right on any host. JSON is YAML, too.
inline Form full_plan() {
  return Form::parse(R"({
    "machine": "m",
    "firewall": {"on_violation": "stop", "discard": "writable"},
    "rpc": {"calls": [{"from": "a", "to": []}], "packets_per_second": 1000},
    "faults": "enabled",
    "defaults": {"cpus": 1, "overcommit_cpus": true, "memory": "64MiB", "max_memory": "96MiB", "hugepages": "auto",
                 "shared": "8MiB", "kernel": "/k", "initrd": "/i", "cmdline": "quiet", "agent": false,
                 "crash_dump": "/folder", "on_failure": "reboot", "watchdog": "20s",
                 "cpu_weight": 50},
    "cells": [{"name": "a", "cpus": 1, "overcommit_cpus": true, "memory": "64MiB",
               "max_memory": "128MiB", "hugepages": "none", "shared": "2MiB", "kernel": "/k", "initrd": "/i", "cmdline": "quiet",
               "disks": [{"path": "/d", "readonly": true}], "cid": 7, "agent": false,
               "crash_dump": "none", "on_failure": "leave",
               "watchdog": "none", "cpu_weight": 10000,
               "vsock": [{"port": 5000, "path": "/s"}, {"port": 22, "listen": "/l"}]}]
  })");
}

/// A mapping of full_plan(), and the keys that it may have.
struct Place {
  Form::json_pointer at;
  const MappingSpec& spec;
};

inline std::vector<Place> places() {
  return {{Form::json_pointer(""), machine_spec()},
          {Form::json_pointer("/defaults"), defaults_spec()},
          {Form::json_pointer("/firewall"), firewall_spec()},
          {Form::json_pointer("/cells/0"), cell_spec()},
          {Form::json_pointer("/cells/0/disks/0"), disk_spec()},
          {Form::json_pointer("/rpc"), rpc_spec()},
          {Form::json_pointer("/rpc/calls/0"), calls_spec()},
          {Form::json_pointer("/cells/0/vsock/0"), port_spec()},
          {Form::json_pointer("/cells/0/vsock/1"), port_spec()}};
}

/// Values, in JSON, that no key of TYPE takes. A bare word or number is a text to Hive where a text
/// is due, so texts are only mistaken for what is no scalar.
inline std::vector<std::string> wrong_values(KeyType type) {
  std::vector<std::string> wrong{"null", R"({"x": 1})"};
  const auto add = [&wrong](const std::vector<std::string>& more) {
    wrong.insert(wrong.end(), more.begin(), more.end());
  };
  switch (type) {
    case KeyType::kName:
    case KeyType::kKernel:
    case KeyType::kInitrd:
    case KeyType::kText:
    case KeyType::kPath:
    case KeyType::kFolder:
      add({"[]", R"(["x"])"});
      break;
    case KeyType::kCells:
      add({"[]", "1", "true", R"("x")", "[null]", "[1]", R"(["x"])", "[[]]"});
      break;
    case KeyType::kDefaults:
    case KeyType::kFirewall:
    case KeyType::kRpc:
      add({"[]", "1", "true", R"("x")"});
      break;
    case KeyType::kCpus:
      add({"[]", "0", "1.5", "-1", "true", R"("2")", R"("x")", R"([true])", "[[1]]", "[-1]"});
      break;
    case KeyType::kFlag:
      add({"[]", "[true]", "0", "1", R"("true")", R"("yes")"});
      break;
    case KeyType::kSize:
      add({"[]", R"(["64MiB"])", "64", "1.5", "true", R"("64")", R"("64MB")", R"("lots")"});
      break;
    case KeyType::kHugePages:
      add({"[]", R"(["auto"])", "1", "true", R"("always")"});
      break;
    case KeyType::kOnViolation:
      add({"[]", R"(["stop"])", "1", "true", R"("panic")", R"("Stop")"});
      break;
    case KeyType::kDiscard:
      add({"[]", R"(["written"])", "1", "true", R"("all")", R"("Written")"});
      break;
    case KeyType::kOnFailure:
      add({"[]", R"(["leave"])", "1", "true", R"("panic")", R"("stop_machine")"});
      break;
    case KeyType::kWatchdog:
      add({"[]", R"(["10s"])", "10", "true", R"("1s")", R"("3601s")", R"("10 s")", R"("Off")"});
      break;
    case KeyType::kCpuWeight:
      add({"[]", "[100]", "true", "1.5", "-7", "0", "10001", R"("100")", R"("x")"});
      break;
    case KeyType::kFaults:
      add({"[]", R"(["enabled"])", "1", "true", R"("on")", R"("Enabled")"});
      break;
    case KeyType::kPorts:
    case KeyType::kCalls:
      add({"1", "true", R"("x")", "[null]", "[1]", R"(["x"])", "[[]]", "[{}]"});
      break;
    case KeyType::kNames:
      add({"1", "true", R"("x")", "[null]", "[[]]", R"(["x y"])", R"(["b", "b"])"});
      break;
    case KeyType::kPort:
      add({"[]", "[7]", "true", "1.5", "-7", "0", "4294967295", R"("7")", R"("x")"});
      break;
    case KeyType::kRate:
      add({"[]", "[1000]", "true", "100.5", "-100", "99", "10000001", R"("1000")", R"("x")"});
      break;
    case KeyType::kDisks:
      add({"1", "true", R"("x")", "[null]", "[1]", R"(["x"])", "[[]]"});
      break;
    case KeyType::kCid:
      add({"[]", "[7]", "true", "1.5", "-7", "2", R"("7")", R"("x")"});
      break;
  }
  return wrong;
}

/// Keys that the mapping of SPEC does not have: those of other mappings, and its own mistyped.
inline std::vector<std::string> unknown_keys(const MappingSpec& spec) {
  std::vector<std::string> keys{"", "unknown", "$schema"};
  for (const Place& place : places()) {
    for (const KeySpec& key : place.spec.keys) {
      const std::string name(key.name);
      for (const std::string& candidate :
           {name, name + "s", name.substr(1), "x-" + name, " " + name,
            std::string(1, static_cast<char>(name[0] - 'a' + 'A')) + name.substr(1)}) {
        if (spec.find(candidate) == nullptr) keys.push_back(candidate);
      }
    }
  }
  return keys;
}

/// Every faulty form of full_plan(), one fault each.
inline std::vector<Form> faulty_forms() {
  std::vector<Form> forms;
  const auto add = [&forms](const Place& place, const auto& change) {
    forms.push_back(full_plan());
    change(forms.back()[place.at]);
  };
  for (const Place& place : places()) {
    for (const std::string& key : unknown_keys(place.spec)) {
      add(place, [&](Form& mapping) { mapping[key] = 1; });
    }
    for (const KeySpec& key : place.spec.keys) {
      for (const std::string& value : wrong_values(key.type)) {
        add(place, [&](Form& mapping) { mapping[std::string(key.name)] = Form::parse(value); });
      }
      if (key.presence != Presence::kRequired) continue;
      add(place, [&](Form& mapping) { mapping.erase(std::string(key.name)); });
    }
  }
  forms.push_back(full_plan());
  forms.back()["defaults"].erase("memory");
  forms.back()["cells"][0].erase("memory");
  for (const char* ports : {R"([{"port": 5000}])", R"([{"path": "/s"}])",
                            R"([{"port": 5000, "path": "/s", "listen": "/l"}])"}) {
    forms.push_back(full_plan());
    forms.back()["cells"][0]["vsock"] = Form::parse(ports);
  }
  for (const char* whole : {"null", "[]", "1", "true", R"("x")"}) {
    forms.push_back(Form::parse(whole));
  }
  return forms;
}

}  // namespace hive::plan::testing
