using System.Reflection;
using System.Reflection.Emit;
using System.Runtime.CompilerServices;
using System.Runtime.Loader;

namespace RabbitMqBackup.Module.Tests;

/// <summary>
/// Loads older versions of the engine's libraries into the default context before anything else, as other modules in the session may have done: every test
/// here runs beside them. They are empty, so that one use of them by the engine is one failure.
/// </summary>
internal static class ConflictingDependency
{
    /// <summary>The libraries that are there in an older version.</summary>
    internal static readonly string[] Names = ["ZstdSharp", "K4os.Compression.LZ4", "System.IO.Hashing"];

    [ModuleInitializer]
    internal static void Load()
    {
        foreach (string name in Names)
        {
            PersistedAssemblyBuilder older = new(new AssemblyName(name) { Version = new Version(0, 0, 1, 0) }, typeof(object).Assembly);
            older.DefineDynamicModule(name);
            using MemoryStream image = new();
            older.Save(image);
            image.Position = 0;
            AssemblyLoadContext.Default.LoadFromStream(image);
        }
    }
}
