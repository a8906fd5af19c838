using System.Xml.Linq;
using Xunit;

namespace RabbitMqBackup.Engine.Tests.Architecture;

/// <summary>What the project files may refer to.</summary>
public sealed class ProjectReferenceTests
{
    [Fact]
    public void Loader_refers_to_no_other_project() => Assert.Empty(ReferencedProjects("src/RabbitMqBackup.Loader"));

    [Fact]
    public void Engine_refers_to_no_other_project_and_not_to_PowerShell()
    {
        Assert.Empty(ReferencedProjects("src/RabbitMqBackup.Engine"));
        Assert.DoesNotContain(Packages("src/RabbitMqBackup.Engine"), package => package is "PowerShellStandard.Library" or "System.Management.Automation");
    }

    [Fact]
    public void Cmdlets_refer_to_the_engine_alone_and_to_no_library_but_PowerShells()
    {
        Assert.Equal(["RabbitMqBackup.Engine"], ReferencedProjects("src/RabbitMqBackup.Cmdlets"));
        Assert.Equal(["PowerShellStandard.Library"], Packages("src/RabbitMqBackup.Cmdlets"));
    }

    /// <summary>With the engine in the default load context the loader would never be asked: what hosts the real module must not refer to it.</summary>
    [Theory]
    [InlineData("tests/RabbitMqBackup.Module.Tests")]
    [InlineData("tests/RabbitMqBackup.TestHost")]
    [InlineData("samples/Quickstart")]
    public void A_host_of_the_module_does_not_refer_to_the_engine(string project) =>
        Assert.DoesNotContain(ReferencedProjects(project), referenced => referenced is "RabbitMqBackup.Engine" or "RabbitMqBackup.Cmdlets");

    private static IReadOnlyList<string> ReferencedProjects(string project) =>
    [
        .. Items(project, "ProjectReference")
            .Where(reference => (string?)reference.Attribute("ReferenceOutputAssembly") != "false")
            .Select(reference => Path.GetFileNameWithoutExtension((string?)reference.Attribute("Include")) ?? ""),
    ];

    private static IReadOnlyList<string> Packages(string project) => [.. Items(project, "PackageReference").Select(reference => (string?)reference.Attribute("Include") ?? "")];

    private static IEnumerable<XElement> Items(string project, string name) =>
        XDocument.Parse(Repository.Read($"{project}/{Path.GetFileName(project)}.csproj")).Descendants(name);
}
