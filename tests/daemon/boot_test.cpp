#include "daemon/boot.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "daemon/chores.hpp"
#include "daemon/fakes.hpp"
#include "daemon/names.hpp"

namespace haven::daemon {
namespace {

using test::TemporaryFolder;
using test::write_text;

TEST(Boot, EveryHavendOfOneBootIsTheSameIncarnation) {
  const TemporaryFolder run;
  const auto first = incarnation(run.path());
  ASSERT_TRUE(first.has_value()) << first.error();
  EXPECT_TRUE(codec::is_hex32(first->str()));
  EXPECT_EQ(*incarnation(run.path()), *first);
  const TemporaryFolder other;
  EXPECT_NE(*incarnation(other.path()), *first);
  struct stat status {};
  ASSERT_EQ(::stat((run / "incarnation").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0600U);
}

TEST(Boot, ARunFolderThatOutlivesTheBootIsNoOldIncarnation) {
  const TemporaryFolder run;
  const auto before = *incarnation(run.path());
  ASSERT_TRUE(noted_releases(run.path()).has_value());
  ASSERT_TRUE(note_release(run.path(), {ResourceName("web1"), {4}}).has_value());
  write_text(run / "incarnation", before.str() + "\nanother-boot\n");
  EXPECT_NE(*incarnation(run.path()), before);
  EXPECT_TRUE(noted_releases(run.path())->empty());
}

TEST(Boot, TheNoteOfAPromiseDiesWithItsBoot) {
  const TemporaryFolder run;
  const auto before = *incarnation(run.path());
  EXPECT_EQ(*noted_promise(run.path()), std::nullopt);
  const NotePromise note{30s, Instant{Duration(987654321)}};
  ASSERT_TRUE(note_promise(run.path(), note).has_value());
  EXPECT_EQ(*noted_promise(run.path()), note);
  write_text(run / "incarnation", before.str() + "\nanother-boot\n");
  (void)incarnation(run.path());
  EXPECT_EQ(*noted_promise(run.path()), std::nullopt);
  write_text(run / "promise", "thirty seconds\n");
  EXPECT_FALSE(noted_promise(run.path()).has_value()) << "what cannot be read may bind";
}

TEST(Boot, ADamagedIncarnationIsRefusedNotReplaced) {
  const TemporaryFolder run;
  write_text(run / "incarnation", "nonsense\n");
  EXPECT_FALSE(incarnation(run.path()).has_value());
  EXPECT_EQ(test::read_text(run / "incarnation"), "nonsense\n");
}

TEST(Boot, NotesOfReleasesAreFoundAgain) {
  const TemporaryFolder run;
  EXPECT_TRUE(noted_releases(run.path())->empty());
  ASSERT_TRUE(note_release(run.path(), {ResourceName("web1"), {4}}).has_value());
  ASSERT_TRUE(note_release(run.path(), {ResourceName("web1"), {5}}).has_value());
  ASSERT_TRUE(note_release(run.path(), {ResourceName("web2#1"), {1}}).has_value());
  write_text(run / "released/web3.new", "");  // killed before the rename
  const auto notes = noted_releases(run.path());
  ASSERT_TRUE(notes.has_value());
  ASSERT_EQ(notes->size(), 2u);
  EXPECT_EQ(notes->at(0).resource, ResourceName("web1"));
  EXPECT_EQ(notes->at(0).generation, Generation{5});
  write_text(run / "released/web4", "four");
  EXPECT_FALSE(noted_releases(run.path()).has_value()) << "a note that cannot be read may hide a release";
}

TEST(Boot, TheMachineIsWhatTheFirstHavendFound) {
  const TemporaryFolder run;
  const auto first = machine_identity(run.path(), "libvirts-uuid");
  EXPECT_EQ(first->dmi_uuid, "libvirts-uuid");
  EXPECT_EQ(*machine_identity(run.path(), ""), *first);
}

TEST(Boot, OneHavendPerHost) {
  const TemporaryFolder run;
  {
    const auto first = SingleInstance::lock(run.path());
    ASSERT_TRUE(first.has_value());
    const auto second = SingleInstance::lock(run.path());
    ASSERT_FALSE(second.has_value());
    EXPECT_NE(second.error().find("another havend runs"), std::string::npos);
  }
  EXPECT_TRUE(SingleInstance::lock(run.path()).has_value());
}

TEST(Chores, NamesTheDriversWhoseHookIsNotHavens) {
  const TemporaryFolder etc;
  std::filesystem::create_directories(etc / "libvirt/hooks/lxc.d");
  EXPECT_EQ(missing_hooks(etc.path()).size(), 2u);
  write_text(etc / "haven-hook", "");
  std::filesystem::create_symlink(etc / "haven-hook", etc / "libvirt/hooks/qemu");
  std::filesystem::create_symlink(etc / "haven-hook", etc / "libvirt/hooks/lxc.d/50-haven");
  EXPECT_TRUE(missing_hooks(etc.path()).empty());
}

TEST(Chores, DoesTheLatestListAndTriesAgainUntilItIsDone) {
  std::mutex mutex;
  std::condition_variable changed;
  std::vector<std::vector<std::string>> done;
  Chores chores([&](const Protected& wanted) {
    const std::lock_guard lock(mutex);
    done.push_back(wanted.uuids);
    changed.notify_all();
    return wanted.uuids.size() > 1;
  });
  const auto wait_for = [&](std::size_t n) {
    std::unique_lock lock(mutex);
    return changed.wait_for(lock, 20s, [&] { return done.size() >= n; });
  };
  chores.want({{"a"}, nullptr});
  ASSERT_TRUE(wait_for(1));
  chores.want({{"a", "b"}, nullptr});  // does not wait for the retry
  ASSERT_TRUE(wait_for(2));
  EXPECT_EQ(done.back(), (std::vector<std::string>{"a", "b"}));
}

}  // namespace
}  // namespace haven::daemon
