// The C functions that wait, lock and send: what they add to the classes beneath.
#include <gtest/gtest.h>

#include <cstring>

#include "guests/sdk/c_calls.h"
#include "tests/unit/sdk/cells.h"

namespace {

using hive::testing::Cells;

class CInterface : public ::testing::Test {
 protected:
  CInterface() {
    cells_.fake.set_trusting(true);
    alpha_.machine = cells_.machine(0);
    beta_.machine = cells_.machine(1);
  }

  Cells cells_;
  hive_machine alpha_;
  hive_machine beta_;
};

TEST_F(CInterface, WaitsAndWakes) {
  uint32_t value = 7;
  uint32_t cells = 7;
  EXPECT_EQ(hive_wait(&alpha_, 1, 64, 0, 5, &value), HIVE_DEADLINE);
  *reinterpret_cast<uint32_t*>(cells_.fake.memory(1) + 64) = 3;
  EXPECT_EQ(hive_wake(&beta_, 1, 64, &cells), HIVE_OK);
  EXPECT_EQ(cells, 0U);
  EXPECT_EQ(hive_wake(&beta_, 1, 64, nullptr), HIVE_OK);
  EXPECT_EQ(hive_wait(&alpha_, 1, 64, 0, 5000, &value), HIVE_OK);
  EXPECT_EQ(value, 3U);
  EXPECT_EQ(hive_wake(&beta_, 1, 63, nullptr), HIVE_MISALIGNED);
}

TEST_F(CInterface, Locks) {
  uint32_t cell = 9;
  uint32_t incarnation = 9;
  EXPECT_EQ(hive_lock_owner(&alpha_, 1, 64, &cell, &incarnation), HIVE_NOT_FOUND);
  EXPECT_EQ(hive_lock(&beta_, 1, 64, 5000), HIVE_OK);
  EXPECT_EQ(hive_lock_owner(&alpha_, 1, 64, &cell, &incarnation), HIVE_OK);
  EXPECT_EQ(cell, 1U);
  EXPECT_EQ(incarnation, 1U);
  EXPECT_EQ(hive_lock(&alpha_, 1, 64, 5), HIVE_DEADLINE);
  EXPECT_EQ(hive_unlock(&alpha_, 1, 64), HIVE_INVALID);
  EXPECT_EQ(hive_lock_abandon(&alpha_, 1, 64, 1, 1), HIVE_OK);
  EXPECT_EQ(hive_lock(&alpha_, 1, 64, 5), HIVE_ABANDONED);
  EXPECT_STREQ(hive_last_message(), hive_status_text(HIVE_ABANDONED));
  EXPECT_EQ(hive_unlock(&alpha_, 1, 64), HIVE_OK);
}

TEST_F(CInterface, SendsRecords) {
  const hive_channel_place place{0, 1, 8192, 4096, 256, 0};
  hive_sender* sender = nullptr;
  hive_receiver* receiver = nullptr;
  char text[16] = "";
  size_t length = 9;
  EXPECT_EQ(hive_sender_open(&beta_, &place, &sender), HIVE_INVALID);
  EXPECT_EQ(sender, nullptr);
  ASSERT_EQ(hive_sender_open(&alpha_, &place, &sender), HIVE_OK);
  ASSERT_EQ(hive_receiver_open(&beta_, &place, &receiver), HIVE_OK);
  EXPECT_EQ(hive_receive(receiver, text, sizeof text, 5, &length), HIVE_DEADLINE);
  EXPECT_EQ(length, 0U);
  EXPECT_EQ(hive_send(sender, "hello", 6, 5), HIVE_OK);
  EXPECT_EQ(hive_receive(receiver, text, sizeof text, 5000, &length), HIVE_OK);
  EXPECT_EQ(length, 6U);
  EXPECT_STREQ(text, "hello");
  EXPECT_EQ(hive_send(sender, nullptr, 0, 5), HIVE_OK);
  EXPECT_EQ(hive_receive(receiver, nullptr, 0, 5000, &length), HIVE_OK);
  hive_sender_close(sender);
  EXPECT_EQ(hive_receive(receiver, text, sizeof text, 5000, &length), HIVE_CLOSED);
  hive_receiver_close(receiver);
  hive_receiver_close(nullptr);
}

TEST_F(CInterface, SendsShortMessages) {
  hive_sips* alpha = nullptr;
  hive_sips* beta = nullptr;
  char message[HIVE_SIPS_SIZE] = "hello";
  uint32_t cell = 9;
  EXPECT_EQ(hive_sips_open(&alpha_, 300, &alpha), HIVE_INVALID);
  ASSERT_EQ(hive_sips_open(&alpha_, 3, &alpha), HIVE_OK);
  ASSERT_EQ(hive_sips_open(&beta_, 3, &beta), HIVE_OK);
  ASSERT_EQ(hive_sips_send(alpha, 1, message, 5), HIVE_OK);
  std::memset(message, 0, sizeof message);
  ASSERT_EQ(hive_sips_receive(beta, 5000, &cell, message), HIVE_OK);
  EXPECT_EQ(cell, 0U);
  EXPECT_STREQ(message, "hello");
  EXPECT_EQ(hive_sips_receive(beta, 5, &cell, message), HIVE_DEADLINE);
  hive_sips_close(beta);
  EXPECT_EQ(hive_sips_send(alpha, 1, message, 5), HIVE_NOT_FOUND);
  hive_sips_close(alpha);
}

}  // namespace
