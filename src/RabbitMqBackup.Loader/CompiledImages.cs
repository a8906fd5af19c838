using System.Reflection.Metadata;
using System.Reflection.PortableExecutable;
using System.Runtime.InteropServices;

namespace RabbitMqBackup.Loader;

/// <summary>
/// What a package has compiled ahead of time (ReadyToRun) for this process: <c>compiled/net10.0/linux-x64/*.dll</c> beside the engine, the same assemblies with machine code added.
/// A build has none, and a package only those of some platforms: what is not there is compiled when it runs.
/// </summary>
/// <remarks>
/// Each platform has a folder of its own since a runtime takes the image of another one for a damaged file, and each major version of .NET since it ignores the machine code of others.
/// </remarks>
internal sealed class CompiledImages
{
    private readonly string? _folder;
    private readonly Machine _machine;

    /// <param name="engineFolder">Folder of the engine.</param>
    internal CompiledImages(string engineFolder)
    {
        string folder = Path.Combine(engineFolder, "compiled", $"net{Environment.Version.Major}.0", $"{SystemName}-{RuntimeInformation.ProcessArchitecture.ToString().ToLowerInvariant()}");
        // The core library is compiled ahead of time for just this platform; a process that consists of one file has none to compare with.
        if (Directory.Exists(folder) && typeof(object).Assembly.Location is { Length: > 0 } core)
        {
            _folder = folder;
            _machine = MachineOf(core);
        }
    }

    private static string SystemName => OperatingSystem.IsWindows() ? "win" : OperatingSystem.IsMacOS() ? "osx" : "linux";

    /// <summary>
    /// The image of an assembly, or null where there is none, or one for another platform: a runtime that has once tried to load that would refuse the assembly itself, too.
    /// Null also for one that was made of another build, as is left where a build goes into the folder of a package: it would be an older engine below these cmdlets.
    /// </summary>
    /// <param name="assemblyPath">Where the assembly lies.</param>
    /// <exception cref="BadImageFormatException">It is damaged.</exception>
    /// <exception cref="IOException">It can't be read.</exception>
    internal string? Of(string assemblyPath)
    {
        string? image = _folder is null ? null : Path.Combine(_folder, Path.GetFileName(assemblyPath));
        return File.Exists(image) && MachineOf(image) == _machine && BuildOf(image) == BuildOf(assemblyPath) ? image : null;
    }

    /// <summary>Each build of an assembly has an id of its own, which its images keep.</summary>
    private static Guid BuildOf(string file)
    {
        using PEReader reader = new(File.OpenRead(file));
        MetadataReader metadata = reader.GetMetadataReader();
        return metadata.GetGuid(metadata.GetModuleDefinition().Mvid);
    }

    /// <summary>In compiled images the operating system is folded into this field, too.</summary>
    private static Machine MachineOf(string file)
    {
        using PEReader reader = new(File.OpenRead(file));
        return reader.PEHeaders.CoffHeader.Machine;
    }
}
