// The file of the cluster's keys: what it may hold, and who may read it.
#include "adapter/heartbeat/keys.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

namespace haven::adapter {
namespace {

const std::string kOld(64, 'a'), kNew(64, 'B');

class KeyFile : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = std::filesystem::temp_directory_path() / ("haven-keys-" + std::to_string(getpid()));
    std::filesystem::create_directories(folder_);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  std::string write(const std::string& text, mode_t mode = 0600) {
    const std::string path = folder_ / "heartbeat.key";
    std::ofstream(path) << text;
    chmod(path.c_str(), mode);
    return path;
  }
  std::filesystem::path folder_;
};

TEST(HeartbeatKeys, TheLastLineIsTheNewest) {
  const auto keys = parse_keys("# the cluster's keys\n" + kOld + "\n\n" + kNew + "\n");
  ASSERT_TRUE(keys) << keys.error();
  ASSERT_EQ(keys->keys.size(), 2U);
  EXPECT_EQ(keys->keys[0].bytes[0], 0xaa);
  EXPECT_EQ(keys->newest().bytes[31], 0xbb);
  EXPECT_EQ(keys->find(keys->keys[0].id), keys->keys.data());
  EXPECT_EQ(keys->find(KeyId{}), nullptr);
}

TEST(HeartbeatKeys, WhatIsNoKeyIsRefusedByItsLineAndNotRepeated) {
  for (const std::string& bad : {std::string(63, 'a'), std::string(65, 'a'), std::string(63, 'a') + "g",
                                 std::string(64, 'a') + " b", std::string("hunter2")}) {
    const auto keys = parse_keys("#\n" + bad + "\n");
    ASSERT_FALSE(keys) << bad;
    EXPECT_NE(keys.error().find("line 2"), std::string::npos) << keys.error();
    EXPECT_EQ(keys.error().find(bad), std::string::npos) << "a secret in a message";
  }
}

TEST(HeartbeatKeys, NoneTheSameTwiceOrThreeAreRefused) {
  EXPECT_FALSE(parse_keys(""));
  EXPECT_FALSE(parse_keys("# nothing\n\n"));
  EXPECT_FALSE(parse_keys(kOld + "\n" + kOld + "\n"));
  EXPECT_FALSE(parse_keys(kOld + "\n" + kNew + "\n" + std::string(64, 'c') + "\n"));
}

TEST_F(KeyFile, IsRead) { EXPECT_TRUE(read_keys(write(kOld + "\n"))); }

TEST_F(KeyFile, ThatOthersCanReadIsRefusedWithItsCure) {
  const auto keys = read_keys(write(kOld + "\n", 0640));
  ASSERT_FALSE(keys);
  EXPECT_NE(keys.error().find("chmod 600"), std::string::npos);
}

TEST_F(KeyFile, ThatIsMissingAFolderOrTooLargeIsRefused) {
  EXPECT_FALSE(read_keys(folder_ / "absent"));
  EXPECT_FALSE(read_keys(folder_));
  EXPECT_FALSE(read_keys(write(kOld + "\n" + std::string(5000, '#'))));
}

}  // namespace
}  // namespace haven::adapter
