// A FIFO that nobody writes to hangs whoever opens it, as a dead path does; /proc/self/mem fails a read of address 0
// with EIO, as a broken disk does.
#include "adapter/storage/local_paths.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <condition_variable>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <optional>

namespace haven::adapter {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr Duration kLong = 60s;
constexpr Duration kShort = 50ms;

class LocalPathsTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = testing::TempDir() + "haven-storage-XXXXXX";
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    folder_ = name;
    std::ofstream(disk()) << "a disk";
    ASSERT_EQ(::mkfifo(hung().c_str(), 0600), 0);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  [[nodiscard]] std::string disk() const { return folder_ + "/disk"; }
  [[nodiscard]] std::string hung() const { return folder_ + "/hung"; }
  [[nodiscard]] const std::string& folder() const { return folder_; }

  // Lets go of whoever hangs on the FIFO.
  void heal() const {
    const int fd = ::open(hung().c_str(), O_RDWR | O_NONBLOCK);
    ASSERT_GE(fd, 0);
    ASSERT_EQ(::write(fd, "x", 1), 1);
    healed_.push_back(fd);
  }
  ~LocalPathsTest() override {
    for (const int fd : healed_) ::close(fd);
  }

  std::vector<std::string> look(std::vector<std::string> paths, Duration timeout) {
    const CallId call{++calls_};
    paths_.look(call, std::move(paths), timeout);
    std::unique_lock lock(mutex_);
    answered_.wait(lock, [&] { return answer_ && answer_->call == call; });
    return answer_->lost;
  }

 private:
  std::string folder_;
  mutable std::vector<int> healed_;
  std::mutex mutex_;
  std::condition_variable answered_;
  std::optional<port::StorageLooked> answer_;
  std::uint64_t calls_ = 0;
  LocalPaths paths_{[this](port::StorageLooked looked) {
    const std::lock_guard lock(mutex_);
    answer_ = std::move(looked);
    answered_.notify_all();
  }};
};

TEST_F(LocalPathsTest, FindsWhatCanBeRead) { EXPECT_THAT(look({disk(), folder(), "/dev/null"}, kLong), IsEmpty()); }

TEST_F(LocalPathsTest, NothingToLookAtIsAnsweredAtOnce) { EXPECT_THAT(look({}, kLong), IsEmpty()); }

TEST_F(LocalPathsTest, AFileThatIsNotThereIsNotLost) { EXPECT_THAT(look({folder() + "/none"}, kLong), IsEmpty()); }

TEST_F(LocalPathsTest, ADeviceThatIsNotThereIsLost) {
  EXPECT_THAT(look({"/dev/haven-no-such-disk"}, kLong), ElementsAre("/dev/haven-no-such-disk"));
}

TEST_F(LocalPathsTest, AReadThatFailsIsLost) {
  EXPECT_THAT(look({"/proc/self/mem", disk()}, kLong), ElementsAre("/proc/self/mem"));
}

TEST_F(LocalPathsTest, APathThatHangsIsLostAtTheDeadlineAndDelaysNoOther) {
  EXPECT_THAT(look({disk(), hung()}, kShort), ElementsAre(hung()));
  EXPECT_THAT(look({disk()}, kLong), IsEmpty());
  heal();
}

TEST_F(LocalPathsTest, APathThatComesBackIsFoundAgain) {
  EXPECT_THAT(look({hung()}, kShort), ElementsAre(hung()));
  heal();
  EXPECT_THAT(look({hung()}, kLong), IsEmpty());
}

TEST_F(LocalPathsTest, MorePathsThanReadersAreAllLookedAt) {
  std::vector<std::string> paths;
  for (std::size_t i = 0; i < 5 * LocalPaths::kMaxReaders; ++i) {
    paths.push_back(folder() + "/disk" + std::to_string(i));
    std::ofstream(paths.back()) << i;
  }
  EXPECT_THAT(look(paths, kLong), IsEmpty());
}

}  // namespace
}  // namespace haven::adapter
