using RabbitMqBackup.Engine.Backup;
using RabbitMqBackup.TestHost;
using Xunit;

namespace RabbitMqBackup.Engine.Tests.Architecture;

/// <summary>
/// The engine is loaded into a context of its own, with its own copies of what lies in bin/engine. A type of such a copy in a public signature is another type
/// for the cmdlets than the one of the same name that they see: MissingMethodException at the first call, and only in PowerShell.
/// </summary>
public sealed class PublicSurfaceTests
{
    private static readonly HashSet<string> PrivateAssemblies =
        [.. Directory.EnumerateFiles(Path.Combine(WorkingCopy.Root, "bin", "engine"), "*.dll").Select(Path.GetFileNameWithoutExtension).OfType<string>()];

    [Fact]
    public void Engine_shows_callers_only_types_of_the_framework_and_its_own()
    {
        Assert.Contains("RabbitMQ.Client", PrivateAssemblies);
        IReadOnlyList<string> exposed = Exposed(typeof(BackupEngine).Assembly.Location);
        Assert.True(exposed.Count == 0, string.Join(Environment.NewLine, exposed));
    }

    [Fact]
    public void A_private_librarys_type_in_a_public_signature_is_seen()
    {
        IReadOnlyList<string> exposed = Exposed(typeof(Samples.Exposing).Assembly.Location);
        Assert.Contains(exposed, use => use.Contains("Exposing.get_Pipe uses System.IO.Pipelines.PipeReader", StringComparison.Ordinal));
        Assert.Contains(exposed, use => use.Contains("Exposing.OpenAsync uses RabbitMQ.Client.IChannel", StringComparison.Ordinal));
        Assert.DoesNotContain(exposed, use => use.Contains("Exposing.get_Connection", StringComparison.Ordinal));
    }

    private static IReadOnlyList<string> Exposed(string assembly) =>
        [.. TypeUseReader.Read(assembly).Where(use => use.Public && PrivateAssemblies.Contains(use.UsedAssembly)).Select(use => use.ToString())];
}
