namespace RabbitMqBackup.Engine.Tests.Architecture;

/// <summary>The working copy that these tests were built from.</summary>
internal static class Repository
{
    /// <summary>Its root folder.</summary>
    internal static string Root { get; } = Find();

    /// <summary>The files below some of its folders that belong to it, without build output, as paths relative to the root.</summary>
    internal static IReadOnlyList<string> Files(params string[] folders) =>
    [
        .. folders
            .Select(folder => Path.Combine(Root, folder))
            .Where(Directory.Exists)
            .SelectMany(folder => Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories))
            .Select(path => Path.GetRelativePath(Root, path).Replace('\\', '/'))
            .Where(path => !path.Split('/').Any(part => part is "bin" or "obj" or "TestResults")),
    ];

    /// <summary>A file's text.</summary>
    internal static string Read(string path) => File.ReadAllText(Path.Combine(Root, path));

    private static string Find()
    {
        for (DirectoryInfo? folder = new(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, "RabbitMqBackup.sln")))
            {
                return folder.FullName;
            }
        }

        throw new InvalidOperationException($"{AppContext.BaseDirectory} does not lie in a working copy.");
    }
}
