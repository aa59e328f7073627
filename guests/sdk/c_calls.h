// What the functions of hive.h and hive_rpc.h have in common.
#pragma once

#include <exception>
#include <memory>
#include <new>
#include <utility>

#include "guests/sdk/hive.h"
#include "guests/sdk/last_message.h"
#include "guests/sdk/machine.h"
#include "guests/sdk/status.h"

struct hive_machine {
  std::unique_ptr<hive::sdk::Machine> machine;
};

namespace hive::sdk {

/// HIVE_INVALID: the argument WHAT is NULL.
hive_status missing(const char* what);

/// What CALL returns, a hive_status; what it throws is one too, and is remembered.
template <typename Call>
hive_status guarded(Call call) {
  try {
    return call();
  } catch (const std::bad_alloc&) {
    return fail(HIVE_OUT_OF_MEMORY, status_text(HIVE_OUT_OF_MEMORY));
  } catch (const std::exception& error) {
    return fail(HIVE_SYSTEM, error.what());
  }
}

/// Remembers FAILURE.
inline hive_status fail(const Failure& failure) {
  return fail(failure.status, failure.message.c_str());
}

/// What CALL returns; its failure is remembered, and what it throws is one.
template <typename Call, typename Take>
hive_status run(Call call, Take take) {
  return guarded([&] {
    auto result = call();
    if (!result.ok()) return fail(result.failure());
    take(std::move(result).value());
    return HIVE_OK;
  });
}

/// The same for a result that goes to *OUT, where that is wanted.
template <typename T, typename Call>
hive_status put(T* out, Call call) {
  return run(call, [out](T value) {
    if (out != nullptr) *out = value;
  });
}

template <typename Call>
hive_status do_only(Call call) {
  return run(call, [](Done) {});
}

}  // namespace hive::sdk
