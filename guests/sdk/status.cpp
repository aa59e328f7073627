#include "guests/sdk/status.h"

#include "guests/abi/global_memory.h"

namespace hive::sdk {

static_assert(static_cast<int>(HIVE_MALFORMED) == HIVE_GLOBAL_MALFORMED);
static_assert(static_cast<int>(HIVE_NOT_HOME) == HIVE_GLOBAL_NOT_HOME);
static_assert(static_cast<int>(HIVE_NO_SUCH_CELL) == HIVE_GLOBAL_NO_SUCH_CELL);
static_assert(static_cast<int>(HIVE_HOME_GONE) == HIVE_GLOBAL_HOME_GONE);
static_assert(static_cast<int>(HIVE_OUT_OF_RANGE) == HIVE_GLOBAL_OUT_OF_RANGE);
static_assert(static_cast<int>(HIVE_NO_SUCH_SECTION) == HIVE_GLOBAL_NO_SUCH_SECTION);
static_assert(static_cast<int>(HIVE_BAD_NAME) == HIVE_GLOBAL_BAD_NAME);
static_assert(static_cast<int>(HIVE_NAME_TAKEN) == HIVE_GLOBAL_NAME_TAKEN);
static_assert(static_cast<int>(HIVE_NO_SPACE) == HIVE_GLOBAL_NO_SPACE);
static_assert(static_cast<int>(HIVE_IN_USE) == HIVE_GLOBAL_IN_USE);
static_assert(static_cast<int>(HIVE_NOT_OPEN) == HIVE_GLOBAL_NOT_OPEN);
static_assert(static_cast<int>(HIVE_LIMIT) == HIVE_GLOBAL_LIMIT);
static_assert(static_cast<int>(HIVE_NOT_FOUND) == HIVE_GLOBAL_NOT_FOUND);
static_assert(static_cast<int>(HIVE_HOME_WRITES) == HIVE_GLOBAL_HOME_WRITES);
static_assert(static_cast<int>(HIVE_MOVED) == HIVE_GLOBAL_MOVED);
static_assert(static_cast<int>(HIVE_MOVING) == HIVE_GLOBAL_MOVING);
static_assert(HIVE_NAME_SIZE == HIVE_GLOBAL_NAME_SIZE);
static_assert(HIVE_FORCE == HIVE_GLOBAL_FORCE);

const char* status_text(hive_status status) {
  switch (status) {
    case HIVE_OK:
      return "success";
    case HIVE_MALFORMED:
      return "the request makes no sense to its receiver";
    case HIVE_NOT_HOME:
      return "only the memory's home may ask that";
    case HIVE_NO_SUCH_CELL:
      return "no such cell";
    case HIVE_HOME_GONE:
      return "the home's monitor does not answer, or its guest does not run";
    case HIVE_OUT_OF_RANGE:
      return "past the end of the contribution or the section";
    case HIVE_NO_SUCH_SECTION:
      return "no such section";
    case HIVE_BAD_NAME:
      return "a name has 1 to 63 characters of A-Z a-z 0-9 . _ -";
    case HIVE_NAME_TAKEN:
      return "a section has that name already";
    case HIVE_NO_SPACE:
      return "no free range of the contribution is long enough";
    case HIVE_IN_USE:
      return "other cells have the section open";
    case HIVE_NOT_OPEN:
      return "this cell does not have the section open";
    case HIVE_LIMIT:
      return "too many sections, opens or runs";
    case HIVE_NOT_FOUND:
      return "not found";
    case HIVE_HOME_WRITES:
      return "home's own rights cannot be taken";
    case HIVE_MOVED:
      return "the section has another home now; open it anew";
    case HIVE_MOVING:
      return "the section is on its way to another home";
    case HIVE_NO_DEVICE:
      return "this machine has no global memory of Hive's";
    case HIVE_NO_PERMISSION:
      return "not permitted";
    case HIVE_SYSTEM:
      return "a system call failed";
    case HIVE_NOT_MAPPED:
      return "global memory is not mapped, or not for writing";
    case HIVE_DEADLINE:
      return "the deadline passed";
    case HIVE_BROKEN:
      return "the device makes no sense";
    case HIVE_INVALID:
      return "an argument makes no sense";
    case HIVE_OUT_OF_MEMORY:
      return "out of memory";
    case HIVE_ABANDONED:
      return "the lock was taken from an owner that failed";
    case HIVE_CLOSED:
      return "the channel is closed";
    case HIVE_MISALIGNED:
      return "the offset is not aligned";
    case HIVE_FAULT:
      return "the access faulted";
    case HIVE_GONE:
      return "the memory's home is gone";
    case HIVE_WRONG_TAG:
      return "no object of that kind is there";
    case HIVE_TORN:
      return "the object is being written, or its writer died meanwhile";
    case HIVE_ROTTEN:
      return "the object's checksum does not match";
    case HIVE_STALE:
      return "the object is of another generation of its page";
    case HIVE_TOO_LONG:
      return "the object is too long";
    case HIVE_REFUSED:
      return "no such service there, or the plan forbids the call";
    case HIVE_RESET:
      return "the connection ended before the reply came";
    case HIVE_PEER_FAILED:
      return "the other cell failed";
    case HIVE_BAD_REPLY:
      return "the reply failed a check";
    case HIVE_CANCELLED:
      return "cancelled";
    case HIVE_BUSY:
      return "the server has too much to do";
    case HIVE_NO_METHOD:
      return "the service has no such method";
    case HIVE_REMOTE_ERROR:
      return "the service failed";
    case HIVE_NOT_DONE:
      return "the call is still under way";
    case HIVE_NO_ROOM:
      return "the reply is longer than the room for it";
  }
  return "unknown status";
}

}  // namespace hive::sdk
