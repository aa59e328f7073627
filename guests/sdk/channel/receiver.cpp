#include "guests/sdk/channel/receiver.h"

#include <string>

#include "guests/sdk/channel/placement.h"
#include "guests/sdk/crc32c.h"
#include "guests/sdk/guard.h"

namespace hive::sdk {
namespace {

constexpr std::size_t kProduced = offsetof(hive_channel_ring, produced);

}  // namespace

Result<ChannelReceiver> ChannelReceiver::attach(Machine& machine, const ChannelPlace& place) {
  const auto mapped = map_channel(machine, place, place.credit);
  if (!mapped.ok()) return mapped.failure();
  return ChannelReceiver(machine, place, mapped.value().ring, mapped.value().credit);
}

ChannelReceiver::ChannelReceiver(Machine& machine, const ChannelPlace& place, unsigned char* ring,
                                 unsigned char* credit)
    : machine_(&machine),
      place_(place),
      ring_(ring),
      credit_(reinterpret_cast<hive_channel_credit*>(credit)),
      bytes_(ring + sizeof(hive_channel_ring), place.capacity) {}

Failure ChannelReceiver::broken(const char* what) {
  broken_ = true;
  return {HIVE_BROKEN, std::string("the channel's sender makes no sense: ") + what};
}

/// Whether there is a session; begins with a new one.
Result<bool> ChannelReceiver::follow_session() {
  hive_channel_ring header{};
  constexpr std::size_t kFacts = offsetof(hive_channel_ring, reserved1);
  if (!guarded_load(ring_, &header, kFacts)) return failure_of(HIVE_FAULT);
  if (header.magic == HIVE_CHANNEL_GONE) return failure_of(HIVE_GONE);
  if (header.magic != HIVE_CHANNEL_MAGIC || header.session == 0) return false;
  if (header.session == session_) return true;
  if (header.version != HIVE_CHANNEL_VERSION || header.capacity != bytes_.capacity()) {
    return broken("its ring is of another version or size");
  }
  const bool resumes = session_ == 0 && credit_->session == header.session;
  broken_ = false;
  resumed_ = resumes;
  has_next_ = false;
  session_ = header.session;
  sequence_ = 0;
  consumed_ = resumes ? credit_->consumed & ~HIVE_CHANNEL_CLOSED : 0;
  told_ = consumed_;
  __atomic_store_n(&credit_->session, 0, __ATOMIC_SEQ_CST);
  __atomic_store_n(&credit_->consumed, consumed_ | closed_, __ATOMIC_SEQ_CST);
  __atomic_store_n(&credit_->session, session_, __ATOMIC_SEQ_CST);
  return true;
}

/// Bytes that were sent and not taken.
Result<std::uint32_t> ChannelReceiver::available() {
  const auto session = follow_session();
  if (!session.ok()) return session.failure();
  if (!session.value()) return 0U;
  if (broken_) return Failure{HIVE_BROKEN, "the channel is broken until its sender begins anew"};
  std::uint32_t word = 0;
  if (!guarded_load_word(ring_ + kProduced, word)) return failure_of(HIVE_FAULT);
  const IndexWord read = read_index(word);
  if (read.gone) return failure_of(HIVE_GONE);
  const std::uint32_t count = read.index - consumed_;
  if (read.broken || count > bytes_.capacity()) return broken("its index");
  if (count == 0 && read.closed) return failure_of(HIVE_CLOSED);
  return count;
}

/// Copies the header that the AVAILABLE bytes start with.
Result<Done> ChannelReceiver::check(std::uint32_t available) {
  hive_channel_record header{};
  if (available < sizeof header) return broken("a record's header");
  if (!bytes_.load(consumed_, &header, sizeof header)) return failure_of(HIVE_FAULT);
  if (record_size(header.length) > available) return broken("a record's length");
  if (resumed_) sequence_ = header.sequence;
  resumed_ = false;
  if (header.sequence != sequence_) return broken("a record's sequence");
  next_ = header;
  has_next_ = true;
  return Done{};
}

Result<std::optional<std::uint32_t>> ChannelReceiver::peek() {
  if (closed_ != 0) return failure_of(HIVE_CLOSED);
  const auto count = available();
  if (!count.ok()) return count.failure();
  if (count.value() == 0) return std::optional<std::uint32_t>();
  if (!has_next_) {
    if (const auto checked = check(count.value()); !checked.ok()) return checked.failure();
  }
  return std::optional<std::uint32_t>(next_.length);
}

Result<Done> ChannelReceiver::take(std::span<std::byte> head, std::span<std::byte> body) {
  if (!has_next_ || head.size() + body.size() != next_.length) {
    return Failure{HIVE_INVALID, "that is not the length of the record"};
  }
  const std::uint32_t content = consumed_ + static_cast<std::uint32_t>(sizeof next_);
  const std::uint32_t rest = content + static_cast<std::uint32_t>(head.size());
  if (!bytes_.load(content, head.data(), head.size()) ||
      !bytes_.load(rest, body.data(), body.size())) {
    return failure_of(HIVE_FAULT);
  }
  if (!place_.content_is_sealed &&
      crc32c(crc32c(0, head.data(), head.size()), body.data(), body.size()) != next_.checksum) {
    broken_ = true;
    has_next_ = false;
    return failure_of(HIVE_ROTTEN);
  }
  pass_over();
  return Done{};
}

void ChannelReceiver::pass_over() {
  consumed_ += static_cast<std::uint32_t>(record_size(next_.length));
  ++sequence_;
  has_next_ = false;
}

/// The record that peek() found.
Result<Done> ChannelReceiver::take_whole(std::vector<std::byte>& record, std::uint64_t most) {
  if (next_.length > most) {
    pass_over();
    return failure_of(HIVE_TOO_LONG);
  }
  record.resize(next_.length);
  auto taken = take(record, {});
  if (!taken.ok()) record.clear();
  return taken;
}

Result<bool> ChannelReceiver::try_receive(std::vector<std::byte>& record, std::uint64_t most) {
  record.clear();
  const auto length = peek();
  if (length.ok() && !length.value()) return false;
  const auto taken = length.ok() ? take_whole(record, most) : Result<Done>(length.failure());
  if (taken.ok()) return true;
  const bool nonsense = taken.status() == HIVE_BROKEN || taken.status() == HIVE_ROTTEN;
  // It may have been of two sessions.
  if (nonsense && session_ended()) return false;
  return taken.failure();
}

bool ChannelReceiver::has_news() const {
  std::uint32_t word = 0;
  return !guarded_load_word(ring_ + kProduced, word) || word != consumed_;
}

bool ChannelReceiver::session_ended() const {
  std::uint64_t session = 0;
  return guarded_load(ring_ + offsetof(hive_channel_ring, session), &session, sizeof session) &&
         session != session_ && session_ != 0;
}

void ChannelReceiver::give_room() {
  if (told_ == consumed_) return;
  told_ = consumed_;
  __atomic_store_n(&credit_->consumed, consumed_ | closed_, __ATOMIC_RELEASE);
  machine_->events().wake_in(place_.ring.home, place_.room_key());
}

Result<Done> ChannelReceiver::receive(std::vector<std::byte>& record, std::uint64_t most,
                                      Clock::time_point end) {
  Result<bool> got = false;
  const Events::Look received = [&] {
    got = try_receive(record, most);
    return !got.ok() || got.value();
  };
  const bool over = machine_->events().wait(place_.data_key(), received, end);
  give_room();
  if (!got.ok()) return got.failure();
  if (!over) return Failure{HIVE_DEADLINE, "nothing was sent in time"};
  return Done{};
}

void ChannelReceiver::close() {
  closed_ = HIVE_CHANNEL_CLOSED;
  __atomic_store_n(&credit_->consumed, consumed_ | closed_, __ATOMIC_RELEASE);
  machine_->events().wake_in(place_.ring.home, place_.room_key());
}

}  // namespace hive::sdk
