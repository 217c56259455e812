#include "adapter/descriptor.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>

#include <type_traits>

namespace haven::adapter {
namespace {

static_assert(!std::is_copy_constructible_v<Descriptor> && !std::is_copy_assignable_v<Descriptor>);
static_assert(!std::is_convertible_v<int, Descriptor>);

int opened() { return ::open("/dev/null", O_RDONLY | O_CLOEXEC); }
bool is_open(int fd) { return ::fcntl(fd, F_GETFD) >= 0; }

TEST(Descriptor, ClosesWhatItHoldsAtItsEnd) {
  const int fd = opened();
  {
    const Descriptor owner(fd);
    EXPECT_TRUE(owner);
    EXPECT_EQ(owner.get(), fd);
    EXPECT_TRUE(is_open(fd));
  }
  EXPECT_FALSE(is_open(fd));
}

TEST(Descriptor, IsHandedOnWithoutBeingClosed) {
  const int fd = opened();
  {
    Descriptor first(fd);
    const Descriptor second(std::move(first));
    EXPECT_FALSE(first);
    EXPECT_EQ(second.get(), fd);
    EXPECT_TRUE(is_open(fd));
  }
  EXPECT_FALSE(is_open(fd));
}

TEST(Descriptor, ClosesAtOnceWhatAnotherTakesThePlaceOf) {
  const int old = opened(), next = opened();
  Descriptor owner(old);
  Descriptor other(next);
  owner = std::move(other);
  EXPECT_FALSE(is_open(old));
  EXPECT_TRUE(is_open(next));
  EXPECT_EQ(owner.get(), next);
  EXPECT_FALSE(other);
  owner = Descriptor();
  EXPECT_FALSE(is_open(next));
  EXPECT_FALSE(owner);
}

TEST(Descriptor, KeepsWhatItHoldsWhenAssignedToItself) {
  const int fd = opened();
  Descriptor owner(fd);
  Descriptor& same = owner;
  owner = std::move(same);
  EXPECT_EQ(owner.get(), fd);
  EXPECT_TRUE(is_open(fd));
}

TEST(Descriptor, HoldsNothingOfACallThatFailed) {
  EXPECT_FALSE(Descriptor());
  EXPECT_FALSE(Descriptor(-1));
  const Descriptor none(::open("/dev/null/nothing", O_RDONLY | O_CLOEXEC));
  EXPECT_FALSE(none);
  EXPECT_EQ(none.get(), -1);
}

TEST(Descriptor, LeavesTheReasonOfAFailureAlone) {
  const int fd = opened();
  {
    const Descriptor owner(fd);
    ::close(fd);  // its own close fails with EBADF
    errno = ENOSPC;
  }
  EXPECT_EQ(errno, ENOSPC);
}

}  // namespace
}  // namespace haven::adapter
