using System.Text.RegularExpressions;
using System.Xml.Linq;
using RabbitMqBackup.TestHost;
using Xunit;

namespace RabbitMqBackup.Engine.Tests.Architecture;

/// <summary>What holds for the repository as a whole.</summary>
public sealed partial class RepositoryTests
{
    private const int MaxLines = 400;

    private static readonly string[] TextEndings = [".cs", ".csproj", ".props", ".targets", ".ps1", ".psd1", ".ps1xml", ".md", ".sh", ".json", ".yml"];

    [Fact]
    public void No_source_file_is_too_long_to_be_read_in_one_go()
    {
        IReadOnlyList<string> sources = [.. Repository.Files("src").Where(path => path.EndsWith(".cs", StringComparison.Ordinal))];
        Assert.NotEmpty(sources);
        AssertNone(sources.Select(path => (Path: path, Lines: Repository.Read(path).AsSpan().Count('\n'))).Where(source => source.Lines > MaxLines));
    }

    [Fact]
    public void Module_manifest_has_the_version_of_the_build()
    {
        string? version = (string?)XDocument.Parse(Repository.Read("Directory.Build.props")).Descendants("Version").Single();
        Match manifest = ModuleVersion().Match(Repository.Read("RabbitMqBackup.psd1"));
        Assert.Equal(version, manifest.Groups[1].Value);
    }

    [Fact]
    public void No_file_names_a_folder_of_somebodys_machine()
    {
        IEnumerable<string> files = Repository.Files("src", "tests", "samples", "bench", "docs", "en-US", ".ci")
            .Concat(Directory.EnumerateFiles(WorkingCopy.Root).Select(path => Path.GetFileName(path)))
            .Where(path => path.StartsWith(".ci/", StringComparison.Ordinal) || TextEndings.Contains(Path.GetExtension(path)));
        AssertNone(files.Select(path => (Path: path, Match: MachinePath().Match(Repository.Read(path)).Value)).Where(hit => hit.Match.Length > 0));
    }

    /// <summary>xunit's own message cuts the list.</summary>
    private static void AssertNone<T>(IEnumerable<T> offenders)
    {
        string list = string.Join(Environment.NewLine, offenders);
        Assert.True(list.Length == 0, list);
    }

    [GeneratedRegex(@"^\s*ModuleVersion\s*=\s*'([^']*)'", RegexOptions.Multiline)]
    private static partial Regex ModuleVersion();

    /// <summary>Home folders and drives with somebody's name in it; written so that it does not match itself.</summary>
    [GeneratedRegex(@"(?<![\w.])/(?:[r]oot|[h]ome/\w+|[U]sers/\w+|[w]ork)/[\w.]+|[A-Z]:\\[U]sers\\\w+")]
    private static partial Regex MachinePath();
}
