#include "cellmon/cli/check_file.h"

#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>

#include "cellmon/cli/host_files.h"
#include "tests/unit/cli/temporary_folder.h"
#include "vmm/base/error.h"

namespace hive::cli {
namespace {

namespace fs = std::filesystem;
using plan::FileKind;

TEST(HostFileProbe, TellsFilesApart) {
  const TemporaryFolder folder;
  const HostFileProbe files;
  const std::string file = folder.write("file", "12345");
  const std::string link = folder.path() / "link";
  const std::string hard_link = folder.path() / "hard-link";
  const std::string pipe = folder.path() / "pipe";
  fs::create_symlink(file, link);
  fs::create_hard_link(file, hard_link);
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);

  const plan::FileFacts facts = files.probe(file);
  EXPECT_EQ(facts.kind, FileKind::kRegular);
  EXPECT_TRUE(facts.readable);
  EXPECT_TRUE(facts.writable);
  EXPECT_EQ(facts.size, 5U);
  EXPECT_EQ(files.probe(link).identity, facts.identity);
  EXPECT_EQ(files.probe(hard_link).identity, facts.identity);
  EXPECT_NE(files.probe(folder.write("other", "12345")).identity, facts.identity);

  EXPECT_EQ(files.probe(pipe).kind, FileKind::kOther);
  EXPECT_EQ(files.probe(folder.path()).kind, FileKind::kDirectory);
  EXPECT_EQ(files.probe(folder.path() / "none").kind, FileKind::kMissing);
  EXPECT_EQ(files.probe(file + "/below").kind, FileKind::kMissing);
  EXPECT_EQ(files.probe(folder.path() / std::string(300, 'x')).kind, FileKind::kUnreachable);
}

TEST(HostFileProbe, HasTheRightsOfItsUser) {
  const TemporaryFolder folder;
  const std::string secret = folder.write("secret", "x");
  const std::string frozen = folder.write("frozen", "x");
  const std::string inside = folder.write("locked/inside", "x");
  ASSERT_EQ(::chmod(secret.c_str(), 0), 0);
  ASSERT_EQ(::chmod(frozen.c_str(), 0444), 0);
  ASSERT_EQ(::chmod((folder.path() / "locked").c_str(), 0), 0);
  ASSERT_EQ(::chmod(folder.path().c_str(), 0755), 0);
  const uid_t user = ::geteuid();
  // Root may do anything: look as nobody then.
  if (user == 0) {
    ASSERT_EQ(::seteuid(65534), 0);
  }
  const HostFileProbe files;
  const plan::FileFacts secret_facts = files.probe(secret);
  const plan::FileFacts frozen_facts = files.probe(frozen);
  const plan::FileFacts inside_facts = files.probe(inside);
  ASSERT_EQ(::seteuid(user), 0);
  ::chmod((folder.path() / "locked").c_str(), 0700);

  EXPECT_FALSE(secret_facts.readable);
  EXPECT_FALSE(secret_facts.writable);
  EXPECT_TRUE(frozen_facts.readable);
  EXPECT_FALSE(frozen_facts.writable);
  EXPECT_EQ(inside_facts.kind, FileKind::kUnreachable);
}

/// A plan file's folder and an images folder.
class CheckFile : public ::testing::Test {
 protected:
  CheckFile() { ::setenv("HIVE_IMAGES", (folder_.path() / "images").c_str(), 1); }
  ~CheckFile() override { ::unsetenv("HIVE_IMAGES"); }

  /// What check_file() prints about a file with CONTENT, with the folder's name taken out.
  std::string printed(const std::string& content) {
    const std::string file = folder_.write("m.yaml", content);
    ::testing::internal::CaptureStderr();
    machine_ = check_file(file);
    std::string text = ::testing::internal::GetCapturedStderr();
    const std::string prefix = folder_.path().string() + "/";
    for (auto at = text.find(prefix); at != std::string::npos; at = text.find(prefix)) {
      text.erase(at, prefix.size());
    }
    return text;
  }

  TemporaryFolder folder_;
  std::optional<plan::Machine> machine_;
};

TEST_F(CheckFile, GivesThePlanOfASoundFile) {
  folder_.write("images/debian/vmlinux", "kernel");
  folder_.write("images/debian/initrd.cpio", "initrd");
  folder_.write("a.img", std::string(1024, '\0'));
  EXPECT_EQ(printed("machine: m\ncells: [{name: a, memory: 16MiB, disks: [{path: a.img}]}]\n"), "");
  ASSERT_TRUE(machine_.has_value());
  const plan::Cell& cell = machine_->cells.at(0);
  EXPECT_EQ(cell.kernel, folder_.path() / "images/debian/vmlinux");
  EXPECT_EQ(cell.initrd, folder_.path() / "images/debian/initrd.cpio");
  EXPECT_EQ(cell.disks.at(0).path, folder_.path() / "a.img");
}

TEST_F(CheckFile, PrintsEveryFault) {
  folder_.write("images/debian/vmlinux", "kernel");
  folder_.write("images/debian/initrd.cpio", "initrd");
  EXPECT_EQ(printed("machine: m\ncells:\n- name: a\n  memory: 16MB\n  disks: [{path: a.img}]\n"),
            "m.yaml:4:11: '16MB' is not a size; write 16MiB\n"
            "m.yaml:5:18: disk 'a.img' does not exist; check the path, or make an image with "
            "'truncate -s 1G'\n");
  EXPECT_FALSE(machine_.has_value());
}

TEST_F(CheckFile, ResolvesPathsOfAFileInTheCurrentFolder) {
  folder_.write("k", "kernel");
  folder_.write("m.yaml", "machine: m\ncells: [{name: a, memory: 16MiB, kernel: k}]\n");
  const fs::path before = fs::current_path();
  fs::current_path(folder_.path());
  const plan::CheckResult result = check_plan("m.yaml");
  fs::current_path(before);
  ASSERT_TRUE(result.machine.has_value());
  EXPECT_EQ(result.machine->cells.at(0).kernel, folder_.path() / "k");
}

std::string refusal(const std::string& path) {
  try {
    check_plan(path);
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), Error::Kind::kUsage);
    return error.what();
  }
  return "";
}

TEST_F(CheckFile, RefusesWhatIsNoFile) {
  EXPECT_EQ(refusal("/nonexistent/m.yaml"),
            "cannot read /nonexistent/m.yaml: No such file or directory; name the YAML file of a "
            "machine");
  EXPECT_EQ(refusal("/"), "cannot read /: Is a directory; name the YAML file of a machine");
}

TEST_F(CheckFile, ReadsNoMoreThanAPlanCanHave) {
  const plan::CheckResult result = check_plan("/dev/zero");
  ASSERT_EQ(result.faults.size(), 1U);
  EXPECT_EQ(result.faults[0].what, "the file is larger than 1MiB");
}

TEST(ImagesFolder, IsInTheBuildFolderUnlessChosen) {
  ::unsetenv("HIVE_IMAGES");
  EXPECT_EQ(fs::path(images_folder()).filename(), "images");
  EXPECT_TRUE(fs::path(images_folder()).is_absolute());
  ::setenv("HIVE_IMAGES", "here", 1);
  EXPECT_EQ(images_folder(), fs::current_path() / "here");
  ::unsetenv("HIVE_IMAGES");
}

}  // namespace
}  // namespace hive::cli
