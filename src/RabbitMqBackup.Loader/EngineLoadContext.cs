using System.Reflection;
using System.Runtime.Loader;

namespace RabbitMqBackup.Loader;

/// <summary>
/// The engine's private load context: what <c>RabbitMqBackup.Engine.deps.json</c> names comes from its folder, everything else, and .NET's own metrics, from the default context.
/// An assembly of which there is an image for this process (<see cref="CompiledImages"/>) is taken from there: it is the same one, compiled already.
/// </summary>
/// <param name="enginePath">Full path of the engine's assembly.</param>
internal sealed class EngineLoadContext(string enginePath) : AssemblyLoadContext("RabbitMqBackup")
{
    private readonly AssemblyDependencyResolver _resolver = new(enginePath);
    private readonly CompiledImages _images = new(Path.GetDirectoryName(enginePath)!);

    /// <inheritdoc/>
    protected override Assembly? Load(AssemblyName assemblyName) =>
        (assemblyName.Name == "System.Diagnostics.DiagnosticSource" ? LoadOfProcess(assemblyName) : null)
        ?? (_resolver.ResolveAssemblyToPath(assemblyName) is { } path ? LoadImage(path) ?? LoadFromAssemblyPath(path) : null);

    /// <inheritdoc/>
    protected override nint LoadUnmanagedDll(string unmanagedDllName) =>
        _resolver.ResolveUnmanagedDllToPath(unmanagedDllName) is { } path ? LoadUnmanagedDllFromPath(path) : 0;

    /// <summary>.NET's own, which all that listens to a process's metrics and traces is registered with: nobody hears a second copy of it. Null where it is older than the engine needs.</summary>
    private static Assembly? LoadOfProcess(AssemblyName assemblyName)
    {
        try
        {
            return Default.LoadFromAssemblyName(assemblyName);
        }
        catch (IOException)
        {
            return null;
        }
    }

    /// <summary>Null where there is no image that this runtime takes. They only save time, so a damaged one is no reason to stop.</summary>
    private Assembly? LoadImage(string assemblyPath)
    {
        try
        {
            return _images.Of(assemblyPath) is { } image ? LoadFromAssemblyPath(image) : null;
        }
        catch (Exception refused) when (refused is BadImageFormatException or IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }
}
