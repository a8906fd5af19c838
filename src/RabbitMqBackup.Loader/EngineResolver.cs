using System.Management.Automation;
using System.Reflection;
using System.Runtime.Loader;

namespace RabbitMqBackup.Loader;

/// <summary>
/// Gives the engine and its third-party assemblies a load context of their own, so that other versions of them in the session do no harm.
/// It is a nested module that loads before the cmdlets; nothing else in the module hooks assembly loading.
/// </summary>
/// <remarks>
/// The engine lies in <c>bin/engine</c>, where default probing can't find it, so the runtime asks here. The hook stays when the module is removed:
/// assemblies don't unload either, and an import after it must find the same engine again.
/// </remarks>
public sealed class EngineResolver : IModuleAssemblyInitializer
{
    private const string EngineName = "RabbitMqBackup.Engine";

    private static readonly string EngineFolder = Path.Combine(Path.GetDirectoryName(typeof(EngineResolver).Assembly.Location)!, "engine");

    private static readonly Lazy<EngineLoadContext> Context = new(() => new EngineLoadContext(Path.Combine(EngineFolder, EngineName + ".dll")));

    private static int _hooked;

    /// <summary>Called by PowerShell at each import; hooks once per process.</summary>
    public void OnImport()
    {
        if (Interlocked.Exchange(ref _hooked, 1) == 0)
        {
            AssemblyLoadContext.Default.Resolving += Resolve;
        }
    }

    private static Assembly? Resolve(AssemblyLoadContext context, AssemblyName name) =>
        name.Name == EngineName ? Context.Value.LoadFromAssemblyName(name) : null;
}
