#include "daemon/boot.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

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

TEST(Boot, AFileIsReplacedWithTheModeThatIsAskedForAndNothingIsLeftBeside) {
  const TemporaryFolder folder;
  const std::string path = folder / "file";
  ASSERT_TRUE(replace_file_durably(path, "first").has_value());
  EXPECT_EQ(mode_of(path), 0600U);
  write_text(path + ".new", "left by somebody who was killed");
  ASSERT_TRUE(replace_file_durably(path, "second", 0640).has_value());
  EXPECT_EQ(mode_of(path), 0640U);
  EXPECT_EQ(read_file(path), "second");
  EXPECT_NE(::access((path + ".new").c_str(), F_OK), 0);
  EXPECT_EQ(mode_of(folder / "none"), 0644U);
}

TEST(Boot, WhatCannotBeReplacedStaysAsItIs) {
  const TemporaryFolder folder;
  ASSERT_TRUE(make_folder(folder / "taken/inside", 0700).has_value());
  const auto refused = replace_file(folder / "taken", "text");
  ASSERT_FALSE(refused.has_value());
  EXPECT_NE(refused.error().find("taken: "), std::string::npos) << refused.error();
  EXPECT_NE(::access((folder / "taken.new").c_str(), F_OK), 0);
  EXPECT_EQ(::access((folder / "taken/inside").c_str(), F_OK), 0);
}

TEST(Boot, AFileIsReadUpToItsBound) {
  const TemporaryFolder folder;
  const std::string path = folder / "file";
  write_text(path, std::string((std::size_t{1} << 20U) + 1, 'x'));
  EXPECT_EQ(read_file(path).error(), path + ": larger than 1 MiB");
  EXPECT_EQ(read_file(path, std::size_t{2} << 20U)->size(), (std::size_t{1} << 20U) + 1);
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
