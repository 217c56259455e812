// A command without a shell: what is cut as a shell would cut it, and what is refused because only a shell could do it.
#include "cli/words.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace haven::cli {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::vector<std::string> words(const std::string& text) {
  const auto split = split_words(text);
  EXPECT_TRUE(split) << text << ": " << (split ? "" : split.error());
  return split.value_or(std::vector<std::string>{});
}
std::string refused(const std::string& text) {
  const auto split = split_words(text);
  EXPECT_FALSE(split) << text;
  return split ? "" : split.error();
}

TEST(Words, AreCutAtBlanks) {
  EXPECT_THAT(words("ssh  root@h1\tuptime "), ElementsAre("ssh", "root@h1", "uptime"));
  EXPECT_THAT(words("a=b --c=d {host}"), ElementsAre("a=b", "--c=d", "{host}"));
}

TEST(Words, QuotesHoldThemTogetherAsAShellWould) {
  EXPECT_THAT(words("ssh h1 'apt-get update && reboot'"), ElementsAre("ssh", "h1", "apt-get update && reboot"));
  EXPECT_THAT(words("a \"b c\"'d e'f"), ElementsAre("a", "b cd ef"));
  EXPECT_THAT(words(R"(a '' "")"), ElementsAre("a", "", ""));
  EXPECT_THAT(words(R"(a "say \"x\" \\ \$5 \n" 'it\')"), ElementsAre("a", R"(say "x" \ $5 \n)", R"(it\)"));
  EXPECT_THAT(words(R"(a b\ c \$x \')"), ElementsAre("a", "b c", "$x", "'"));
  EXPECT_THAT(words("a b~c d#e"), ElementsAre("a", "b~c", "d#e"));
}

TEST(Words, WhatOnlyAShellUnderstandsIsRefused) {
  for (const char* text : {"a | b", "a && b", "a; b", "a > f", "a < f", "a $HOME", "a `b`", "a \"$HOME\"", "a *.deb",
                           "a x?", "a [ab]", "a ~/x", "a #b", "a\nb", "a (b)"})
    EXPECT_THAT(refused(text), HasSubstr("means something to a shell")) << text;
}

TEST(Words, WhatIsNotWholeIsRefused) {
  EXPECT_THAT(refused("a 'b"), HasSubstr("opened and not closed"));
  EXPECT_THAT(refused("a \"b"), HasSubstr("opened and not closed"));
  EXPECT_THAT(refused("a \"b\\\""), HasSubstr("opened and not closed"));
  EXPECT_THAT(refused("a \\"), HasSubstr("before nothing"));
  for (const char* text : {"", "   ", "'' a"}) EXPECT_EQ(refused(text), "it names no program") << text;
}

TEST(Words, KnownNamesInBracesAreFilledInAndNothingElse) {
  const std::map<std::string, std::string> values{{"host", "h1"}, {"address", "{host}"}};
  EXPECT_THAT(filled_in({"root@{host}", "{address}", "{print}", "{", "a}b{host}", "{host"}, values),
              ElementsAre("root@h1", "{host}", "{print}", "{", "a}bh1", "{host"));
}

TEST(Words, QuotedIsReadAsItWas) {
  for (const std::string word : {"plain", "with blank", "it's", "", "$x", "a\"b", "\\", "{host}", "a*"}) {
    EXPECT_THAT(words("p " + quoted(word)), ElementsAre("p", word));
  }
  EXPECT_EQ(quoted("root@10.0.0.1"), "root@10.0.0.1");
}

}  // namespace
}  // namespace haven::cli
