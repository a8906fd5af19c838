using RabbitMqBackup.TestHost;

namespace RabbitMqBackup.Engine.Tests.Architecture;

/// <summary>The files of the working copy that these tests were built from.</summary>
internal static class Repository
{
    /// <summary>The files below some of its folders that belong to it, without build output, as paths relative to the root.</summary>
    internal static IReadOnlyList<string> Files(params string[] folders) =>
    [
        .. folders
            .Select(folder => Path.Combine(WorkingCopy.Root, folder))
            .Where(Directory.Exists)
            .SelectMany(folder => Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories))
            .Select(path => Path.GetRelativePath(WorkingCopy.Root, path).Replace('\\', '/'))
            .Where(path => !path.Split('/').Any(part => part is "bin" or "obj" or "TestResults")),
    ];

    /// <summary>A file's text.</summary>
    internal static string Read(string path) => File.ReadAllText(Path.Combine(WorkingCopy.Root, path));
}
