// Frames of RPC: what is made passes the checks, and nothing else does.
#include <gtest/gtest.h>

#include <random>
#include <string>

#include "guests/sdk/rpc/frame.h"

namespace {

using namespace hive::rpc;

hive_rpc_frame header_of(hive_rpc_kind kind, std::uint64_t id = 1) {
  hive_rpc_frame header{};
  header.kind = static_cast<std::uint8_t>(kind);
  header.id = id;
  if (kind == HIVE_RPC_REQUEST) header.time_left = 1;
  return header;
}

hive_rpc_fault check(const hive_rpc_frame& header, ByteView payload) {
  const hive_rpc_fault fault = check_header(header);
  return fault != HIVE_RPC_FAULT_NONE ? fault : check_payload(header, payload);
}

Bytes random_bytes(std::mt19937& random, std::size_t size) {
  Bytes bytes(size);
  for (unsigned char& byte : bytes) byte = static_cast<unsigned char>(random());
  return bytes;
}

TEST(RpcFrame, WhatIsSealedPasses) {
  std::mt19937 random(1);
  for (int i = 0; i < 500; ++i) {
    const bool is_request = i % 2 == 0;
    hive_rpc_frame header =
        header_of(is_request ? HIVE_RPC_REQUEST : HIVE_RPC_REPLY, 1 + random() % 1000000);
    header.method = static_cast<std::uint32_t>(random());
    header.caller_cell = static_cast<std::uint32_t>(random());
    header.callee_incarnation = static_cast<std::uint32_t>(random());
    const Bytes payload = random_bytes(random, random() % 3000);
    seal(header, payload);
    EXPECT_EQ(check(header, payload), HIVE_RPC_FAULT_NONE);
  }
}

TEST(RpcFrame, EveryFlippedBitIsNoticed) {
  std::mt19937 random(2);
  hive_rpc_frame header = header_of(HIVE_RPC_REQUEST, 77);
  Bytes payload = random_bytes(random, 200);
  seal(header, payload);
  auto* bytes = reinterpret_cast<unsigned char*>(&header);
  for (std::size_t bit = 0; bit < sizeof header * 8; ++bit) {
    bytes[bit / 8] = static_cast<unsigned char>(bytes[bit / 8] ^ 1U << bit % 8);
    EXPECT_NE(check(header, payload), HIVE_RPC_FAULT_NONE) << "header bit " << bit;
    bytes[bit / 8] = static_cast<unsigned char>(bytes[bit / 8] ^ 1U << bit % 8);
  }
  for (std::size_t bit = 0; bit < payload.size() * 8; ++bit) {
    payload[bit / 8] = static_cast<unsigned char>(payload[bit / 8] ^ 1U << bit % 8);
    EXPECT_EQ(check(header, payload), HIVE_RPC_FAULT_CHECKSUM) << "payload bit " << bit;
    payload[bit / 8] = static_cast<unsigned char>(payload[bit / 8] ^ 1U << bit % 8);
  }
  EXPECT_EQ(check(header, payload), HIVE_RPC_FAULT_NONE);
}

TEST(RpcFrame, RulesOfEachKindHold) {
  struct Case {
    hive_rpc_fault fault;
    hive_rpc_kind kind;
    void (*change)(hive_rpc_frame&);
  };
  const Case cases[] = {
      {HIVE_RPC_FAULT_MAGIC, HIVE_RPC_REQUEST, [](hive_rpc_frame& h) { h.magic = 0; }},
      {HIVE_RPC_FAULT_VERSION, HIVE_RPC_REQUEST, [](hive_rpc_frame& h) { h.version = 2; }},
      {HIVE_RPC_FAULT_KIND, HIVE_RPC_REQUEST, [](hive_rpc_frame& h) { h.kind = 0; }},
      {HIVE_RPC_FAULT_KIND, HIVE_RPC_REQUEST, [](hive_rpc_frame& h) { h.kind = 8; }},
      {HIVE_RPC_FAULT_FIELD, HIVE_RPC_REQUEST, [](hive_rpc_frame& h) { h.flags = 1; }},
      {HIVE_RPC_FAULT_FIELD, HIVE_RPC_REQUEST, [](hive_rpc_frame& h) { h.id = 0; }},
      {HIVE_RPC_FAULT_FIELD, HIVE_RPC_REQUEST, [](hive_rpc_frame& h) { h.time_left = 0; }},
      {HIVE_RPC_FAULT_FIELD, HIVE_RPC_REPLY, [](hive_rpc_frame& h) { h.time_left = 1; }},
      {HIVE_RPC_FAULT_FIELD, HIVE_RPC_REPLY, [](hive_rpc_frame& h) { h.id = 0; }},
      {HIVE_RPC_FAULT_FIELD, HIVE_RPC_CANCEL, [](hive_rpc_frame& h) { h.id = 0; }},
      {HIVE_RPC_FAULT_LENGTH, HIVE_RPC_CANCEL, [](hive_rpc_frame& h) { h.length = 1; }},
      {HIVE_RPC_FAULT_LENGTH, HIVE_RPC_HELLO, [](hive_rpc_frame& h) { h.length = 71; }},
      {HIVE_RPC_FAULT_LENGTH, HIVE_RPC_WELCOME, [](hive_rpc_frame& h) { h.length = 9; }},
      {HIVE_RPC_FAULT_LENGTH, HIVE_RPC_ERROR, [](hive_rpc_frame& h) { h.length = 7; }},
      {HIVE_RPC_FAULT_LENGTH, HIVE_RPC_ERROR, [](hive_rpc_frame& h) { h.length = 521; }},
      {HIVE_RPC_FAULT_LENGTH, HIVE_RPC_REPLY,
       [](hive_rpc_frame& h) { h.length = HIVE_RPC_MAX_PAYLOAD + 1; }},
  };
  for (const Case& each : cases) {
    hive_rpc_frame header = header_of(each.kind);
    seal(header, {});
    each.change(header);
    EXPECT_EQ(check_header(header), each.fault) << "case " << &each - cases;
  }
  hive_rpc_frame longest = header_of(HIVE_RPC_REPLY);
  const Bytes payload(HIVE_RPC_MAX_PAYLOAD);
  seal(longest, payload);
  EXPECT_EQ(check(longest, payload), HIVE_RPC_FAULT_NONE);
}

TEST(RpcFrame, AHelloNamesAService) {
  hive_rpc_hello hello = make_hello("letters");
  hive_rpc_frame header = header_of(HIVE_RPC_HELLO, 0);
  const auto check_hello = [&] {
    seal(header, bytes_of(hello));
    return check(header, bytes_of(hello));
  };
  EXPECT_EQ(check_hello(), HIVE_RPC_FAULT_NONE);
  EXPECT_STREQ(read_hello(bytes_of(hello)).service, "letters");
  hello.service[20] = 'x';  // After the NUL.
  EXPECT_EQ(check_hello(), HIVE_RPC_FAULT_PAYLOAD);
  hello = make_hello("letters");
  hello.service[3] = '/';
  EXPECT_EQ(check_hello(), HIVE_RPC_FAULT_PAYLOAD);
  hello = make_hello("letters");
  std::fill(std::begin(hello.service), std::end(hello.service), 'a');
  EXPECT_EQ(check_hello(), HIVE_RPC_FAULT_PAYLOAD);
  hello = make_hello("letters");
  hello.reserved = 1;
  EXPECT_EQ(check_hello(), HIVE_RPC_FAULT_PAYLOAD);
}

TEST(RpcFrame, NamesAndPorts) {
  EXPECT_TRUE(is_service_name("a"));
  EXPECT_TRUE(is_service_name(std::string(63, 'z')));
  EXPECT_FALSE(is_service_name(std::string(64, 'z')));
  EXPECT_FALSE(is_service_name(""));
  EXPECT_FALSE(is_service_name("a b"));
  EXPECT_FALSE(is_service_name(std::string_view("a\0b", 3)));
  // FNV-1a of "a" is 0xe40c292c, of "foobar" 0xbf9cf968.
  EXPECT_EQ(hive_rpc_port("a"), 0x40000000U + 0x240c292cU);
  EXPECT_EQ(hive_rpc_port("foobar"), 0x40000000U + 0x3f9cf968U);
}

TEST(RpcFrame, ErrorsKeepTheirMessages) {
  const ErrorContent plain = read_error(make_error({HIVE_RPC_FAILED, 42, "no such letter"}));
  EXPECT_EQ(plain.error, HIVE_RPC_FAILED);
  EXPECT_EQ(plain.code, 42U);
  EXPECT_EQ(plain.message, "no such letter");
  const Bytes longest = make_error({HIVE_RPC_BUSY, 0, std::string(5000, 'x')});
  EXPECT_EQ(read_error(longest).message.size(), HIVE_RPC_MAX_MESSAGE);
  EXPECT_EQ(read_error(make_error({HIVE_RPC_BUSY, 0, "a\x1b[2Jb"})).message, "a?[2Jb");
  hive_rpc_frame header = header_of(HIVE_RPC_ERROR);
  for (const hive_rpc_error wrong : {hive_rpc_error{0, 0}, {8, 0}, {HIVE_RPC_BUSY, 1}}) {
    seal(header, bytes_of(wrong));
    EXPECT_EQ(check(header, bytes_of(wrong)), HIVE_RPC_FAULT_PAYLOAD);
  }
}

}  // namespace
