// The public face: everything that a program of one's own needs, with one import.
@_exported import Base
@_exported import Distillation
@_exported import Experiments
@_exported import Layers
@_exported import Models
@_exported import OpenCLBackend
@_exported import Sentences
@_exported import Storage
@_exported import Tensors
@_exported import Text
@_exported import Tokenizers
@_exported import Training
