// Careful objects: whatever is not whole is noticed, and nothing outside is read.
#include "guests/sdk/careful_object.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstring>
#include <numeric>
#include <random>
#include <thread>
#include <vector>

#include "guests/sdk/crc32c.h"
#include "guests/sdk/window_memory.h"

namespace {

using hive::sdk::CarefulPlace;
using hive::sdk::crc32c;
using hive::sdk::crc32c_by_table;
using hive::sdk::publish_careful_object;
using hive::sdk::read_careful_object;
using hive::sdk::WindowMemory;

constexpr std::uint32_t kTag = 7;
constexpr std::size_t kHeader = sizeof(hive_careful_header);

/// A contribution of SIZE bytes, and an object that a test makes in it.
class CarefulObject : public ::testing::Test {
 protected:
  explicit CarefulObject(std::size_t size = 4096) : bytes_(size), memory_(bytes_.data()) {}

  hive_status publish(const CarefulPlace& place, const std::vector<unsigned char>& content) {
    return publish_careful_object(memory_, bytes_.size(), place, content.data(), content.size());
  }
  hive_status read(const CarefulPlace& place, std::size_t capacity) {
    content_.assign(capacity, 0xee);
    return read_careful_object(memory_, bytes_.size(), place, content_.data(), capacity, header_);
  }
  [[nodiscard]] bool content_is_zeroed() const {
    return std::all_of(content_.begin(), content_.end(), [](unsigned char b) { return b == 0; });
  }

  std::vector<unsigned char> bytes_;
  WindowMemory memory_;
  std::vector<unsigned char> content_;
  hive_careful_header header_{};
};

std::vector<unsigned char> made_up(std::size_t size) {
  std::vector<unsigned char> content(size);
  std::iota(content.begin(), content.end(), static_cast<unsigned char>(1));
  return content;
}

TEST(Crc32c, IsTheOneOfTheStandardInBothForms) {
  // RFC 3720, B.4: 32 bytes of zeros, of ones, ascending.
  std::array<unsigned char, 32> bytes{};
  EXPECT_EQ(crc32c(0, bytes.data(), 32), 0x8a9136aaU);
  bytes.fill(0xff);
  EXPECT_EQ(crc32c(0, bytes.data(), 32), 0x62a8ab43U);
  std::iota(bytes.begin(), bytes.end(), static_cast<unsigned char>(0));
  EXPECT_EQ(crc32c(0, bytes.data(), 32), 0x46dd794eU);
  EXPECT_EQ(crc32c_by_table(0, bytes.data(), 32), 0x46dd794eU);
}

TEST(Crc32c, ContinuesFromAnyPointAlikeInBothForms) {
  const std::vector<unsigned char> bytes = made_up(61);
  const std::uint32_t whole = crc32c(0, bytes.data(), bytes.size());
  for (std::size_t cut = 0; cut <= bytes.size(); ++cut) {
    const std::uint32_t begin = crc32c_by_table(0, bytes.data(), cut);
    EXPECT_EQ(begin, crc32c(0, bytes.data(), cut));
    EXPECT_EQ(crc32c(begin, bytes.data() + cut, bytes.size() - cut), whole);
    EXPECT_EQ(crc32c_by_table(begin, bytes.data() + cut, bytes.size() - cut), whole);
  }
}

TEST_F(CarefulObject, IsReadAsItWasPublished) {
  for (const std::size_t size : {0U, 1U, 7U, 8U, 9U, 100U, 4096U - 32U}) {
    const std::vector<unsigned char> content = made_up(size);
    ASSERT_EQ(publish({0, kTag, 3}, content), HIVE_OK);
    ASSERT_EQ(read({0, kTag, 3}, size), HIVE_OK) << size;
    EXPECT_EQ(content_, content);
    EXPECT_EQ(header_.length, size);
    EXPECT_EQ(header_.generation, 3U);
  }
}

TEST_F(CarefulObject, IsPublishedWithANewEvenSequenceEachTime) {
  ASSERT_EQ(publish({8, kTag, 0}, made_up(4)), HIVE_OK);
  ASSERT_EQ(read({8, kTag, 0}, 4), HIVE_OK);
  const std::uint64_t first = header_.sequence;
  ASSERT_EQ(publish({8, kTag, 0}, made_up(4)), HIVE_OK);
  ASSERT_EQ(read({8, kTag, 0}, 4), HIVE_OK);
  EXPECT_EQ(first % 2, 0U);
  EXPECT_EQ(header_.sequence, first + 2);
}

TEST_F(CarefulObject, IsRefusedOutsideOfTheContribution) {
  EXPECT_EQ(read({4096, kTag, 0}, 8), HIVE_OUT_OF_RANGE);
  EXPECT_EQ(read({4072, kTag, 0}, 8), HIVE_OUT_OF_RANGE);
  EXPECT_EQ(read({~std::uint64_t{7}, kTag, 0}, 8), HIVE_OUT_OF_RANGE);
  EXPECT_EQ(publish({4072, kTag, 0}, {}), HIVE_OUT_OF_RANGE);
  EXPECT_EQ(publish({4064, kTag, 0}, made_up(1)), HIVE_TOO_LONG);
  EXPECT_EQ(publish({4064, kTag, 0}, {}), HIVE_OK);
}

TEST_F(CarefulObject, IsRefusedWhereItIsMisaligned) {
  EXPECT_EQ(read({4, kTag, 0}, 8), HIVE_MISALIGNED);
  EXPECT_EQ(publish({1, kTag, 0}, made_up(8)), HIVE_MISALIGNED);
}

TEST_F(CarefulObject, HasATagThatNoOtherMemoryHas) {
  EXPECT_EQ(read({0, HIVE_CAREFUL_NO_TAG, 0}, 8), HIVE_INVALID);
  EXPECT_EQ(publish({0, HIVE_CAREFUL_GONE_TAG, 0}, made_up(8)), HIVE_INVALID);
  EXPECT_EQ(read({0, kTag, 0}, 8), HIVE_WRONG_TAG);  // Memory of zeros.
  ASSERT_EQ(publish({0, kTag, 0}, made_up(8)), HIVE_OK);
  EXPECT_EQ(read({0, kTag + 1, 0}, 8), HIVE_WRONG_TAG);
  EXPECT_TRUE(content_is_zeroed());
}

TEST_F(CarefulObject, OfAHomeThatIsGoneIsKnownAsSuch) {
  std::fill(bytes_.begin(), bytes_.end(), 0xff);
  EXPECT_EQ(read({0, kTag, 0}, 8), HIVE_GONE);
  EXPECT_TRUE(content_is_zeroed());
}

TEST_F(CarefulObject, OfAnotherGenerationIsStale) {
  ASSERT_EQ(publish({0, kTag, 3}, made_up(8)), HIVE_OK);
  EXPECT_EQ(read({0, kTag, 4}, 8), HIVE_STALE);
  EXPECT_EQ(read({0, kTag, 0}, 8), HIVE_OK);
}

TEST_F(CarefulObject, IsNotReadPastTheDestinationOrTheContribution) {
  ASSERT_EQ(publish({0, kTag, 0}, made_up(100)), HIVE_OK);
  EXPECT_EQ(read({0, kTag, 0}, 99), HIVE_TOO_LONG);
  EXPECT_TRUE(content_is_zeroed());
  hive_careful_header liar{};
  liar.tag = kTag;
  for (const std::uint64_t length : {std::uint64_t{4065}, ~std::uint64_t{0}, ~std::uint64_t{31}}) {
    liar.length = length;
    std::memcpy(bytes_.data(), &liar, kHeader);
    EXPECT_EQ(read({0, kTag, 0}, 8192), HIVE_TOO_LONG);
  }
}

TEST_F(CarefulObject, WhoseWriterDiedIsTornAndDoesNotHoldItsReaderUp) {
  ASSERT_EQ(publish({0, kTag, 0}, made_up(8)), HIVE_OK);
  bytes_[0] |= 1;
  EXPECT_EQ(read({0, kTag, 0}, 8), HIVE_TORN);
  EXPECT_TRUE(content_is_zeroed());
  EXPECT_EQ(publish({0, kTag, 0}, made_up(8)), HIVE_OK);
  EXPECT_EQ(read({0, kTag, 0}, 8), HIVE_OK);
}

TEST_F(CarefulObject, WithAnyBitChangedIsRefused) {
  const std::vector<unsigned char> content = made_up(75);
  ASSERT_EQ(publish({64, kTag, 5}, content), HIVE_OK);
  for (std::size_t bit = 0; bit < (kHeader + content.size()) * 8; ++bit) {
    const auto mask = static_cast<unsigned char>(1U << (bit % 8));
    bytes_[64 + bit / 8] ^= mask;
    ASSERT_NE(read({64, kTag, 0}, content.size()), HIVE_OK) << "bit " << bit;
    ASSERT_TRUE(content_is_zeroed());
    bytes_[64 + bit / 8] ^= mask;
  }
  EXPECT_EQ(read({64, kTag, 0}, content.size()), HIVE_OK);
}

TEST_F(CarefulObject, WithRandomBytesChangedIsRefused) {
  std::mt19937_64 random(1);
  for (int round = 0; round < 5000; ++round) {
    const std::vector<unsigned char> content = made_up(random() % 200);
    ASSERT_EQ(publish({0, kTag, 5}, content), HIVE_OK);
    const std::vector<unsigned char> before = bytes_;
    for (auto changes = 1 + random() % 8; changes > 0; --changes) {
      bytes_[random() % (kHeader + content.size())] = static_cast<unsigned char>(random());
    }
    if (bytes_ == before) continue;
    ASSERT_NE(read({0, kTag, 0}, 256), HIVE_OK) << "round " << round;
  }
}

/// The same accesses as WindowMemory's, but such as ThreadSanitizer can see.
class SeenMemory : public hive::sdk::CarefulMemory {
 public:
  explicit SeenMemory(unsigned char* base) : base_(base) {}

  bool load(std::uint64_t offset, void* destination, std::size_t size) override {
    for (std::size_t at = 0; at < size; at += 8) {
      const std::uint64_t word = __atomic_load_n(this->word(offset + at), __ATOMIC_ACQUIRE);
      std::memcpy(static_cast<unsigned char*>(destination) + at, &word,
                  std::min<std::size_t>(8, size - at));
    }
    return true;
  }
  bool store(std::uint64_t offset, const void* source, std::size_t size) override {
    for (std::size_t at = 0; at < size; at += 8) {
      std::uint64_t word = 0;
      std::memcpy(&word, static_cast<const unsigned char*>(source) + at,
                  std::min<std::size_t>(8, size - at));
      __atomic_store_n(this->word(offset + at), word, __ATOMIC_RELEASE);
    }
    return true;
  }
  void pause(unsigned /*attempt*/) override { std::this_thread::yield(); }

 private:
  std::uint64_t* word(std::uint64_t offset) {
    return reinterpret_cast<std::uint64_t*>(base_ + offset);
  }

  unsigned char* base_;
};

/// Words that all say the same, so that a torn one shows.
constexpr std::size_t kWords = 64;

/// A thread that publishes in BYTES through Memory as long as this object lives.
template <typename Memory>
class BusyWriter {
 public:
  explicit BusyWriter(std::vector<unsigned char>& bytes)
      : thread_([this, &bytes] { run(bytes); }) {}
  BusyWriter(const BusyWriter&) = delete;
  BusyWriter& operator=(const BusyWriter&) = delete;
  ~BusyWriter() {
    over_ = true;
    thread_.join();
  }
  [[nodiscard]] std::uint64_t published() const { return published_; }

 private:
  void run(std::vector<unsigned char>& bytes) {
    Memory memory(bytes.data());
    for (std::uint64_t value = 1; !over_; ++value) {
      const std::vector<std::uint64_t> words(kWords, value);
      // Pauses of a writer that has other things to do, so that its reader sees whole ones too.
      if (value % 16 == 0) std::this_thread::sleep_for(std::chrono::microseconds(100));
      ASSERT_EQ(publish_careful_object(memory, bytes.size(), {0, kTag, 0}, words.data(),
                                       kWords * sizeof(std::uint64_t)),
                HIVE_OK);
      ++published_;
    }
  }

  std::atomic<bool> over_{false};
  std::atomic<std::uint64_t> published_{0};
  std::thread thread_;
};

/// Reads from BYTES through Memory while a thread publishes there.
template <typename Memory>
void read_while_a_writer_is_at_work(std::vector<unsigned char>& bytes) {
  const BusyWriter<Memory> writer(bytes);
  Memory memory(bytes.data());
  unsigned whole = 0;
  std::uint64_t last = 0;
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while ((whole < 2000 || writer.published() < 2000) && std::chrono::steady_clock::now() < end) {
    std::array<std::uint64_t, kWords> words{};
    hive_careful_header header{};
    const bool anything = writer.published() > 0;
    const hive_status status =
        read_careful_object(memory, bytes.size(), {0, kTag, 0}, words.data(), sizeof words, header);
    if (status != HIVE_OK) {
      ASSERT_TRUE(status == HIVE_TORN || (!anything && status == HIVE_WRONG_TAG)) << status;
      continue;
    }
    ++whole;
    ASSERT_TRUE(std::all_of(words.begin(), words.end(), [&](auto w) { return w == words[0]; }));
    ASSERT_GE(words[0], last);
    last = words[0];
  }
  EXPECT_GE(whole, 2000U);
  EXPECT_GE(writer.published(), 2000U);
}

TEST_F(CarefulObject, IsNeverReadTornWhileItsWriterIsAtWork) {
  read_while_a_writer_is_at_work<WindowMemory>(bytes_);
}

TEST_F(CarefulObject, IsNeverReadTornAndRacesNothing) {
  read_while_a_writer_is_at_work<SeenMemory>(bytes_);
}

TEST_F(CarefulObject, WithTwoWritersIsNeverReadMixed) {
  // Against the rules; the checksum still holds.
  std::atomic<bool> over{false};
  std::vector<std::thread> writers;
  for (std::uint64_t who = 1; who <= 2; ++who) {
    writers.emplace_back([&, who] {
      WindowMemory memory(bytes_.data());
      const std::vector<std::uint64_t> words(kWords, who);
      while (!over) {
        (void)publish_careful_object(memory, bytes_.size(), {0, kTag, 0}, words.data(),
                                     kWords * sizeof(std::uint64_t));
        std::this_thread::sleep_for(std::chrono::microseconds(20));
      }
    });
  }
  for (int look = 0; look < 3000; ++look) {
    std::array<std::uint64_t, kWords> words{};
    hive_careful_header header{};
    if (read_careful_object(memory_, bytes_.size(), {0, kTag, 0}, words.data(), sizeof words,
                            header) == HIVE_OK) {
      ASSERT_TRUE(std::all_of(words.begin(), words.end(), [&](auto w) { return w == words[0]; }));
    }
  }
  over = true;
  for (std::thread& writer : writers) writer.join();
}

}  // namespace
