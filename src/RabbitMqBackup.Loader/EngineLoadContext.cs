using System.Reflection;
using System.Runtime.Loader;

namespace RabbitMqBackup.Loader;

/// <summary>The engine's private load context: what <c>RabbitMqBackup.Engine.deps.json</c> names comes from its folder, everything else from the default context.</summary>
/// <param name="enginePath">Full path of the engine's assembly.</param>
internal sealed class EngineLoadContext(string enginePath) : AssemblyLoadContext("RabbitMqBackup")
{
    private readonly AssemblyDependencyResolver _resolver = new(enginePath);

    /// <inheritdoc/>
    protected override Assembly? Load(AssemblyName assemblyName) =>
        _resolver.ResolveAssemblyToPath(assemblyName) is { } path ? LoadFromAssemblyPath(path) : null;

    /// <inheritdoc/>
    protected override nint LoadUnmanagedDll(string unmanagedDllName) =>
        _resolver.ResolveUnmanagedDllToPath(unmanagedDllName) is { } path ? LoadUnmanagedDllFromPath(path) : 0;
}
